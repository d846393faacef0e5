/* Frozen references in plain loops: what a careful C programmer writes, left to gcc to vectorise.
   Loss and gradient of each workload; the inner loops run over units or inputs. */
#include "job.h"

void moons(const job *a) {
    const D *p = a->p, *W1 = p, *b1 = p + 32, *W2 = p + 48, *b2 = p + 304, *W3 = p + 320, b3 = p[336];
    D T1[2][H], T2[H][H], G1[2][H], c1[H], G2[H][H], c2[H], G3[H], c3 = 0, loss = 0, inv = 1.0 / a->rows;
    memset(G1, 0, sizeof G1), memset(c1, 0, sizeof c1), memset(G2, 0, sizeof G2), memset(c2, 0, sizeof c2), memset(G3, 0, sizeof G3);
    for (int j = 0; j < H; j++) {
        T1[0][j] = W1[2 * j], T1[1][j] = W1[2 * j + 1];
        for (int i = 0; i < H; i++) T2[i][j] = W2[j * H + i];
    }
    for (long r = 0; r < a->rows; r++) {
        D x0 = a->x[2 * r], x1 = a->x[2 * r + 1], h1[H], h2[H], d1[H], d2[H], score = b3;
        for (int j = 0; j < H; j++) { D z = b1[j] + x0 * T1[0][j] + x1 * T1[1][j]; h1[j] = z > 0 ? z : 0; }
        for (int j = 0; j < H; j++) h2[j] = b2[j];
        for (int i = 0; i < H; i++) for (int j = 0; j < H; j++) h2[j] += h1[i] * T2[i][j];
        for (int j = 0; j < H; j++) { h2[j] = h2[j] > 0 ? h2[j] : 0; score += h2[j] * W3[j]; }
        D margin = 1 - a->y[r] * score;
        if (!(margin > 0)) continue;
        loss += margin;
        D ds = -a->y[r] * inv;
        c3 += ds;
        for (int j = 0; j < H; j++) { G3[j] += ds * h2[j]; d2[j] = h2[j] > 0 ? ds * W3[j] : 0; c2[j] += d2[j]; d1[j] = 0; }
        for (int j = 0; j < H; j++) for (int i = 0; i < H; i++) { G2[j][i] += d2[j] * h1[i]; d1[i] += d2[j] * W2[j * H + i]; }
        for (int i = 0; i < H; i++) { D d = h1[i] > 0 ? d1[i] : 0; c1[i] += d; G1[0][i] += x0 * d; G1[1][i] += x1 * d; }
    }
    D *g = a->g, squares = 0;
    for (int j = 0; j < H; j++) { g[2 * j] = G1[0][j], g[2 * j + 1] = G1[1][j], g[32 + j] = c1[j], g[304 + j] = c2[j], g[320 + j] = G3[j]; }
    memcpy(g + 48, G2, sizeof G2);
    g[336] = c3;
    for (int i = 0; i < 337; i++) { squares += p[i] * p[i]; g[i] += 2 * ALPHA * p[i]; }
    *a->loss = loss * inv + ALPHA * squares;
}

/* tanh, softmax, cross-entropy; p: W1 b1 W2 b2 */
static inline __attribute__((always_inline)) void mlp(const job *a, int I, int J, int O) {
    const D *W1 = a->p, *b1 = W1 + J * I, *W2 = b1 + J, *b2 = W2 + O * J;
    D *G1 = a->g, *c1 = G1 + J * I, *G2 = c1 + J, *c2 = G2 + O * J, loss = 0, inv = 1.0 / a->rows;
    memset(a->g, 0, sizeof(D) * (J * I + J + O * J + O));
    for (long r = 0; r < a->rows; r++) {
        const D *x = a->x + r * I;
        D h[J], z[O], d[J], top, sum = 0;
        int t = (int)a->y[r];
        for (int j = 0; j < J; j++) {
            D s = 0;
            for (int i = 0; i < I; i++) s += W1[j * I + i] * x[i];
            h[j] = s + b1[j];
        }
        for (int j = 0; j < J; j++) h[j] = tanh(h[j]);
        for (int o = 0; o < O; o++) {
            D s = b2[o];
            for (int j = 0; j < J; j++) s += W2[o * J + j] * h[j];
            z[o] = s;
        }
        top = z[0];
        for (int o = 1; o < O; o++) top = z[o] > top ? z[o] : top;
        D zt = z[t] - top;
        for (int o = 0; o < O; o++) { z[o] = exp(z[o] - top); sum += z[o]; }
        loss += log(sum) - zt;
        for (int o = 0; o < O; o++) z[o] *= inv / sum;
        z[t] -= inv;
        for (int j = 0; j < J; j++) d[j] = 0;
        for (int o = 0; o < O; o++) {
            c2[o] += z[o];
            for (int j = 0; j < J; j++) { G2[o * J + j] += z[o] * h[j]; d[j] += z[o] * W2[o * J + j]; }
        }
        for (int j = 0; j < J; j++) { d[j] *= 1 - h[j] * h[j]; c1[j] += d[j]; }
        for (int j = 0; j < J; j++) for (int i = 0; i < I; i++) G1[j * I + i] += d[j] * x[i];
    }
    *a->loss = loss * inv;
}
void digits(const job *a) { mlp(a, 64, 32, 10); }
void big(const job *a) { mlp(a, 784, 128, 10); }

void gmm(const job *a) {
    const D *al = a->p, *mu = al + GK, *icf = mu + GK * GD;
    D *ga = a->g, *gm = ga + GK, *gi = gm + GK * GD, Q[GK][GD], gQ[GK][GD], base[GK], y[GK][GD], c[GK][GD], m[GK], loss = 0;
    memset(a->g, 0, sizeof(D) * (GK + GK * GD + GK * (GD + GL))), memset(gQ, 0, sizeof gQ);
    for (int k = 0; k < GK; k++) {
        base[k] = al[k];
        for (int j = 0; j < GD; j++) { D q = icf[k * 55 + j]; base[k] += q; Q[k][j] = exp(q); }
    }
    for (long r = 0; r < a->rows; r++) {
        const D *x = a->x + r * GD;
        D top = -INFINITY, sum = 0;
        for (int k = 0; k < GK; k++) {
            const D *L = icf + k * 55 + GD;
            D q = 0;
            for (int j = 0; j < GD; j++) { c[k][j] = x[j] - mu[k * GD + j]; y[k][j] = Q[k][j] * c[k][j]; }
            for (int i = 0; i < GD; i++) for (int j = i + 1; j < GD; j++) y[k][j] += *L++ * c[k][i];
            for (int j = 0; j < GD; j++) q += y[k][j] * y[k][j];
            m[k] = base[k] - .5 * q;
            top = m[k] > top ? m[k] : top;
        }
        for (int k = 0; k < GK; k++) { m[k] = exp(m[k] - top); sum += m[k]; }
        loss += log(sum) + top;
        for (int k = 0; k < GK; k++) {
            const D *L = icf + k * 55 + GD;
            D w = m[k] / sum, gc[GD], *gl = gi + k * 55 + GD;
            ga[k] += w;
            for (int j = 0; j < GD; j++) { y[k][j] *= -w; gQ[k][j] += y[k][j] * c[k][j]; gc[j] = y[k][j] * Q[k][j]; }
            for (int i = 0; i < GD; i++) for (int j = i + 1; j < GD; j++) { *gl++ += y[k][j] * c[k][i]; gc[i] += y[k][j] * *L++; }
            for (int j = 0; j < GD; j++) gm[k * GD + j] -= gc[j];
        }
    }
    D top = -INFINITY, sum = 0, squares = 0;
    for (int k = 0; k < GK; k++) top = al[k] > top ? al[k] : top;
    for (int k = 0; k < GK; k++) sum += exp(al[k] - top);
    for (int k = 0; k < GK; k++) {
        for (int j = 0; j < GD; j++) { squares += Q[k][j] * Q[k][j]; gi[k * 55 + j] = ga[k] + (gQ[k][j] + Q[k][j]) * Q[k][j]; }
        for (int l = GD; l < 55; l++) { D v = icf[k * 55 + l]; squares += v * v; gi[k * 55 + l] += v; }
    }
    for (int k = 0; k < GK; k++) ga[k] -= a->rows * exp(al[k] - top) / sum;
    *a->loss = loss - a->rows * (log(sum) + top) + .5 * squares;
}

/* sum of 100 (x[i+1] - x[i]^2)^2 + (x[i] - 1)^2; each entry of the gradient is pulled from its neighbours */
void rosenbrock(const job *a) {
    const D *x = a->p;
    D *g = a->g, loss = 0;
    long n = a->rows;
    for (long i = 1; i < n - 1; i++) {
        D before = x[i] - x[i - 1] * x[i - 1], t = x[i + 1] - x[i] * x[i], u = x[i] - 1;
        loss += 100 * t * t + u * u;
        g[i] = 200 * before - 400 * t * x[i] + 2 * u;
    }
    D t = x[1] - x[0] * x[0], u = x[0] - 1;
    g[0] = 2 * u - 400 * t * x[0];
    g[n - 1] = 200 * (x[n - 1] - x[n - 2] * x[n - 2]);
    *a->loss = loss + 100 * t * t + u * u;
}
