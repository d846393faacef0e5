/* The irregular graph of program_pairs.py as a tape: values forward, adjoints back, one op after the other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

double tape(int inputs, int n, const double *x, const int *kind, const int *a, const int *b, int ends, const int *end,
            double *gradient) {
    int all = inputs + n;
    static double *v, *g;
    static int room;
    if (room < all) { room = all; v = realloc(v, 8L * all); g = realloc(g, 8L * all); }
    memcpy(v, x, 8L * inputs);
    for (int i = 0; i < n; i++) {
        double p = v[a[i]], out;
        switch (kind[i]) {
        case 0: out = p - v[b[i]]; break;
        case 1: out = p * v[b[i]]; break;
        case 2: out = tanh(p); break;
        case 3: out = p > 0 ? p : 0; break;
        default: out = cos(p);
        }
        v[inputs + i] = out;
    }
    double loss = 0;
    memset(g, 0, 8L * all);
    for (int i = 0; i < ends; i++) { loss += v[end[i]]; g[end[i]] = 1; }
    for (int i = n - 1; i >= 0; i--) {
        double s = g[inputs + i], p = v[a[i]], out = v[inputs + i];
        switch (kind[i]) {
        case 0: g[a[i]] += s; g[b[i]] -= s; break;
        case 1: g[a[i]] += v[b[i]] * s; g[b[i]] += p * s; break;
        case 2: g[a[i]] += (1 - out * out) * s; break;
        case 3: if (p > 0) g[a[i]] += s; break;
        default: g[a[i]] -= sin(p) * s;
        }
    }
    memcpy(gradient, g, 8L * inputs);
    return loss;
}
