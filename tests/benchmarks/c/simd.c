/* Frozen references with vector types: lanes over rows where activations are computed, lanes over inputs where a
   weight's gradient is, register-tiled products, glibc's vector exp, log and tanh. */
#include "job.h"
#include <immintrin.h>
#ifdef __AVX512F__
#define V 8
#define larger(x, y) ((vec)_mm512_max_pd((__m512d)(x), (__m512d)(y)))
#define VECTOR_MATH(f) extern vec _ZGVeN8v_##f(vec); static inline vec v_##f(vec x) { return _ZGVeN8v_##f(x); }
#else
#define V 4
#define larger(x, y) ((vec)_mm256_max_pd((__m256d)(x), (__m256d)(y)))
#define VECTOR_MATH(f) extern vec _ZGVdN4v_##f(vec); static inline vec v_##f(vec x) { return _ZGVdN4v_##f(x); }
#endif
typedef D vec __attribute__((vector_size(8 * V)));
typedef D uvec __attribute__((vector_size(8 * V), aligned(8)));
typedef long mask __attribute__((vector_size(8 * V)));
VECTOR_MATH(exp) VECTOR_MATH(log) VECTOR_MATH(tanh)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
#define AT(p) (*(const uvec *)(p))
#define PUT(p) (*(uvec *)(p))

INLINE vec all(D x) { return x - (vec){}; }
INLINE vec keep(mask m, vec x) { return (vec)(m & (mask)x); }
INLINE D total(vec x) { D s = 0; UNROLL for (int i = 0; i < V; i++) s += x[i]; return s; }

/* out[o][r] = start + sum over k of W[o][k] A[k][r], for `outs` rows and RT vectors of r, held in registers */
INLINE void tile(int outs, int vectors, long K, const D *W, long so, long sk, const D *A, long lda, D *out, long ldo, const D *bias, int add) {
    vec s[8][4];
    UNROLL for (int o = 0; o < outs; o++) UNROLL for (int v = 0; v < vectors; v++)
        s[o][v] = add ? AT(out + o * ldo + v * V) : bias ? all(bias[o]) : (vec){};
    for (long k = 0; k < K; k++) {
        vec x[4];
        UNROLL for (int v = 0; v < vectors; v++) x[v] = AT(A + k * lda + v * V);
        UNROLL for (int o = 0; o < outs; o++) {
            vec w = all(W[o * so + k * sk]);
            UNROLL for (int v = 0; v < vectors; v++) s[o][v] += w * x[v];
        }
    }
    UNROLL for (int o = 0; o < outs; o++) UNROLL for (int v = 0; v < vectors; v++) PUT(out + o * ldo + v * V) = s[o][v];
}

/* the whole product: `outs` divides O, R is a multiple of V; K is cut so that a panel of A stays in the first cache */
INLINE void product(int outs, int vectors, long O, long K, long R, const D *W, long so, long sk, const D *A, long lda, D *out, long ldo, const D *bias, int add) {
    for (long r = 0; r < R;) {
        int wide = r + vectors * V <= R;
        for (long k = 0; k < K; k += 112) {
            long n = K - k < 112 ? K - k : 112;
            for (long o = 0; o < O; o += outs) {
                const D *w = W + o * so + k * sk, *x = A + k * lda + r, *b = bias ? bias + o : 0;
                if (wide) tile(outs, vectors, n, w, so, sk, x, lda, out + o * ldo + r, ldo, b, add || k);
                else tile(outs, 1, n, w, so, sk, x, lda, out + o * ldo + r, ldo, b, add || k);
            }
        }
        r += wide ? vectors * V : V;
    }
}

#ifdef __AVX512F__
/* M[r][c] = T[c][r]: 8 by 8 in registers */
INLINE void square(const D *T, long ldt, D *M, long ldm) {
    __m512d a[8], b[8];
    UNROLL for (int i = 0; i < 8; i++) a[i] = _mm512_loadu_pd(T + i * ldt);
    UNROLL for (int i = 0; i < 8; i += 2) { b[i] = _mm512_unpacklo_pd(a[i], a[i + 1]); b[i + 1] = _mm512_unpackhi_pd(a[i], a[i + 1]); }
    UNROLL for (int i = 0; i < 8; i += 4) UNROLL for (int j = 0; j < 2; j++) {
        a[i + j] = _mm512_shuffle_f64x2(b[i + j], b[i + j + 2], 0x88);
        a[i + j + 2] = _mm512_shuffle_f64x2(b[i + j], b[i + j + 2], 0xdd);
    }
    UNROLL for (int j = 0; j < 4; j++) {
        b[j] = _mm512_shuffle_f64x2(a[j], a[j + 4], 0x88);
        b[j + 4] = _mm512_shuffle_f64x2(a[j], a[j + 4], 0xdd);
    }
    UNROLL for (int i = 0; i < 8; i++) _mm512_storeu_pd(M + i * ldm, b[i]);
}
#else
INLINE void square(const D *T, long ldt, D *M, long ldm) {
    for (int i = 0; i < 8; i++) for (int j = 0; j < 8; j++) M[i * ldm + j] = T[j * ldt + i];
}
#endif
INLINE void transpose(long C, long R, const D *T, long ldt, D *M, long ldm) {
    for (long r = 0; r < R; r += 8) for (long c = 0; c < C; c += 8) square(T + c * ldt + r, ldt, M + r * ldm + c, ldm);
}

void moons(const job *a) {
    const long R = a->padded;
    const D *p = a->p, *W1 = p, *b1 = p + 32, *W2 = p + 48, *b2 = p + 304, *W3 = p + 320, *x0 = a->xt, *x1 = x0 + R;
    D *g = a->g, *h1 = a->work, *h2 = h1 + H * R, *d1 = h2 + H * R, *rows = d1 + H * R, *ds = rows + H * R;
    const vec zero = {};
    for (int j = 0; j < H; j++) {
        vec w0 = all(W1[2 * j]), w1 = all(W1[2 * j + 1]), b = all(b1[j]);
        for (long r = 0; r < R; r += V) PUT(h1 + j * R + r) = larger(b + w0 * AT(x0 + r) + w1 * AT(x1 + r), zero);
    }
    product(8, 2, H, H, R, W2, H, 1, h1, R, h2, R, b2, 0);
    vec losses = {}, c3 = {};
    for (long r = 0; r < R; r += V) {
        vec s = all(p[336]), t = {};
        UNROLL for (int j = 0; j < H; j += 2) {
            vec u = larger(AT(h2 + j * R + r), zero), v = larger(AT(h2 + (j + 1) * R + r), zero);
            PUT(h2 + j * R + r) = u, PUT(h2 + (j + 1) * R + r) = v;
            s += u * all(W3[j]), t += v * all(W3[j + 1]);
        }
        vec y = AT(a->y + r), w = AT(a->weight + r), margin = 1 - y * (s + t), d = keep(margin > 0, -y * w);
        losses += larger(margin, zero) * w, c3 += d;
        PUT(ds + r) = d;
    }
    for (int j = 0; j < H; j++) {
        vec w = all(W3[j]), G = {}, c = {};
        for (long r = 0; r < R; r += V) {
            vec h = AT(h2 + j * R + r), d = AT(ds + r), e = keep(h > 0, d * w);
            G += d * h, c += e;
            PUT(h2 + j * R + r) = e;
        }
        g[320 + j] = total(G), g[304 + j] = total(c);
    }
    transpose(H, R, h1, R, rows, H);
    product(8, 2, H, R, H, h2, R, 1, rows, H, g + 48, H, 0, 0);
    product(8, 2, H, H, R, W2, 1, H, h2, R, d1, R, 0, 0);
    for (int j = 0; j < H; j++) {
        vec u = {}, v = {}, c = {};
        for (long r = 0; r < R; r += V) {
            vec d = keep(AT(h1 + j * R + r) > 0, AT(d1 + j * R + r));
            u += d * AT(x0 + r), v += d * AT(x1 + r), c += d;
        }
        g[2 * j] = total(u), g[2 * j + 1] = total(v), g[32 + j] = total(c);
    }
    g[336] = total(c3);
    vec squares = {};
    for (int i = 0; i < 336; i += V) { vec q = AT(p + i); squares += q * q; PUT(g + i) = AT(g + i) + 2 * ALPHA * q; }
    g[336] += 2 * ALPHA * p[336];
    *a->loss = total(losses) + ALPHA * (total(squares) + p[336] * p[336]);
}

INLINE void mlp(const job *a, long I, long J, int O, long panel) {
    const D *W1 = a->p, *b1 = W1 + J * I, *W2 = b1 + J, *b2 = W2 + O * J;
    D *G1 = a->g, *c1 = G1 + J * I, *G2 = c1 + J, *c2 = G2 + O * J;
    D *h = a->work, *d = h + J * panel, *z = d + J * panel, *rows = z + O * panel;
    vec loss = {}, sums2[O], sums1[J];
    memset(sums1, 0, sizeof sums1), memset(sums2, 0, sizeof sums2);
    for (long from = 0; from < a->padded; from += panel) {
        long R = panel < a->padded - from ? panel : a->padded - from;
        product(4, 4, J, I, R, W1, I, 1, a->xt + from, a->padded, h, panel, b1, 0);
        for (long j = 0; j < J; j++) for (long r = 0; r < R; r += V) PUT(h + j * panel + r) = v_tanh(AT(h + j * panel + r));
        product(5, 4, O, J, R, W2, J, 1, h, panel, z, panel, b2, 0);
        for (long r = 0; r < R; r += V) {
            vec top = AT(z + r), sum = {}, picked, w = AT(a->weight + from + r);
            for (int o = 1; o < O; o++) top = larger(top, AT(z + o * panel + r));
            UNROLL for (int i = 0; i < V; i++) picked[i] = z[(long)a->y[from + r + i] * panel + r + i];
            for (int o = 0; o < O; o++) { vec e = v_exp(AT(z + o * panel + r) - top); sum += e; PUT(z + o * panel + r) = e; }
            loss += (v_log(sum) + top - picked) * w;
            vec share = w / sum;
            for (int o = 0; o < O; o++) PUT(z + o * panel + r) = AT(z + o * panel + r) * share;
            UNROLL for (int i = 0; i < V; i++) z[(long)a->y[from + r + i] * panel + r + i] -= w[i];
            for (int o = 0; o < O; o++) sums2[o] += AT(z + o * panel + r);
        }
        transpose(J, R, h, panel, rows, J);
        product(5, 4, O, R, J, z, panel, 1, rows, J, G2, J, 0, from > 0);
        product(4, 4, J, O, R, W2, 1, J, z, panel, d, panel, 0, 0);
        for (long j = 0; j < J; j++) for (long r = 0; r < R; r += V) {
            vec t = AT(h + j * panel + r), e = AT(d + j * panel + r) * (1 - t * t);
            PUT(d + j * panel + r) = e;
            sums1[j] += e;
        }
        product(4, 4, J, R, I, d, panel, 1, a->x + from * I, I, G1, I, 0, from > 0);
    }
    for (long j = 0; j < J; j++) c1[j] = total(sums1[j]);
    for (int o = 0; o < O; o++) c2[o] = total(sums2[o]);
    *a->loss = total(loss);
}
void digits(const job *a) { mlp(a, 64, 32, 10, 64); }
void big(const job *a) { mlp(a, 784, 128, 10, 32); }

/* U vectors of points at a time: one addition to a gradient in memory serves U V points */
#define U 5
void gmm(const job *a) {
    const long R = a->padded;
    const D *al = a->p, *mu = al + GK, *icf = mu + GK * GD;
    D *ga = a->g, *gm = ga + GK, *gi = gm + GK * GD, Q[GK][GD], base[GK], loss = 0;
    static __thread vec G[GK][2 * GD + GL + 1]; /* means, diagonal, triangle, weight */
    memset(G, 0, sizeof G);
    vec sums = {};
    for (int k = 0; k < GK; k++) {
        base[k] = al[k];
        for (int j = 0; j < GD; j++) { D q = icf[k * 55 + j]; base[k] += q; Q[k][j] = exp(q); }
    }
    for (long r = 0; r < R; r += U * V) {
        vec y[GK][GD][U], m[GK][U];
        for (int k = 0; k < GK; k++) {
            const D *L = icf + k * 55 + GD;
            vec c[GD][U], q[U] = {};
            for (int j = 0; j < GD; j++) UNROLL for (int u = 0; u < U; u++) {
                c[j][u] = AT(a->xt + j * R + r + u * V) - all(mu[k * GD + j]);
            }
            for (int j = 0; j < GD; j++) {
                vec s[U];
                UNROLL for (int u = 0; u < U; u++) s[u] = all(Q[k][j]) * c[j][u];
                for (int i = 0, at = j - 1; i < j; at += GD - 2 - i, i++) {
                    vec l = all(L[at]);
                    UNROLL for (int u = 0; u < U; u++) s[u] += l * c[i][u];
                }
                UNROLL for (int u = 0; u < U; u++) { q[u] += s[u] * s[u]; y[k][j][u] = s[u]; }
            }
            UNROLL for (int u = 0; u < U; u++) m[k][u] = base[k] - .5 * q[u];
        }
        vec w1[U];
        UNROLL for (int u = 0; u < U; u++) {
            vec top = m[0][u], sum = {}, w = AT(a->weight + r + u * V) * (D)a->rows;
            for (int k = 1; k < GK; k++) top = larger(top, m[k][u]);
            for (int k = 0; k < GK; k++) { m[k][u] = v_exp(m[k][u] - top); sum += m[k][u]; }
            sums += (v_log(sum) + top) * w;
            w1[u] = w / sum;
        }
        for (int k = 0; k < GK; k++) {
            const D *L = icf + k * 55 + GD;
            vec c[GD][U], gc[GD][U], weight = {};
            UNROLL for (int u = 0; u < U; u++) { m[k][u] *= w1[u]; weight += m[k][u]; }
            G[k][2 * GD + GL] += weight;
            for (int j = 0; j < GD; j++) {
                vec d = {};
                UNROLL for (int u = 0; u < U; u++) {
                    c[j][u] = AT(a->xt + j * R + r + u * V) - all(mu[k * GD + j]);
                    y[k][j][u] *= -m[k][u];
                    d += y[k][j][u] * c[j][u];
                    gc[j][u] = y[k][j][u] * all(Q[k][j]);
                }
                G[k][GD + j] += d;
            }
            for (int i = 0, at = 0; i < GD; i++) {
                vec s[U], mean = {};
                UNROLL for (int u = 0; u < U; u++) s[u] = gc[i][u];
                for (int j = i + 1; j < GD; j++, at++) {
                    vec l = all(L[at]), d = {};
                    UNROLL for (int u = 0; u < U; u++) { d += y[k][j][u] * c[i][u]; s[u] += y[k][j][u] * l; }
                    G[k][2 * GD + at] += d;
                }
                UNROLL for (int u = 0; u < U; u++) mean += s[u];
                G[k][i] -= mean;
            }
        }
    }
    D top = -INFINITY, sum = 0, squares = 0;
    for (int k = 0; k < GK; k++) top = al[k] > top ? al[k] : top;
    for (int k = 0; k < GK; k++) sum += exp(al[k] - top);
    for (int k = 0; k < GK; k++) {
        D weight = total(G[k][2 * GD + GL]);
        ga[k] = weight - a->rows * exp(al[k] - top) / sum;
        for (int j = 0; j < GD; j++) {
            gm[k * GD + j] = total(G[k][j]);
            squares += Q[k][j] * Q[k][j];
            gi[k * 55 + j] = weight + (total(G[k][GD + j]) + Q[k][j]) * Q[k][j];
        }
        for (int l = 0; l < GL; l++) { D v = icf[k * 55 + GD + l]; squares += v * v; gi[k * 55 + GD + l] = total(G[k][2 * GD + l]) + v; }
    }
    *a->loss = total(sums) - a->rows * (log(sum) + top) + .5 * squares + loss;
}

void rosenbrock(const job *a) {
    const D *x = a->p;
    D *g = a->g;
    long n = a->rows, i = 1;
    vec s[4] = {};
    for (; i + 4 * V <= n - 1; i += 4 * V) UNROLL for (int u = 0; u < 4; u++) {
        const D *q = x + i + u * V;
        vec here = AT(q), left = AT(q - 1), before = here - left * left, t = AT(q + 1) - here * here, e = here - 1;
        s[u] += 100 * t * t + e * e;
        PUT(g + i + u * V) = 200 * before - 400 * t * here + 2 * e;
    }
    D loss = total(s[0] + s[1] + s[2] + s[3]);
    for (; i < n - 1; i++) {
        D before = x[i] - x[i - 1] * x[i - 1], t = x[i + 1] - x[i] * x[i], e = x[i] - 1;
        loss += 100 * t * t + e * e;
        g[i] = 200 * before - 400 * t * x[i] + 2 * e;
    }
    D t = x[1] - x[0] * x[0], e = x[0] - 1;
    g[0] = 2 * e - 400 * t * x[0];
    g[n - 1] = 200 * (x[n - 1] - x[n - 2] * x[n - 2]);
    *a->loss = loss + 100 * t * t + e * e;
}
