/* What every reference takes: one pointer to this. All arrays are of doubles and begin at multiples of 64 bytes. */
#include <math.h>
#include <string.h>
typedef double D;

typedef struct {
    long rows;       /* rows of data, or the length of Rosenbrock's x */
    long padded;     /* rows rounded up; the added rows are copies of the first, with weight 0 */
    const D *x;      /* data, a row after the other */
    const D *xt;     /* the same data, a column after the other, each of length `padded` */
    const D *y;      /* a label for each row */
    const D *weight; /* 1/rows for each row, 0 for the added ones */
    const D *p;      /* parameters */
    D *g;            /* gradient */
    D *loss;         /* one number */
    D *work;         /* room for intermediate results */
} job;

/* moons: 2-16-16-1, relu, mean hinge loss + ALPHA |p|^2.  W1 b1 W2 b2 W3 b3, each W a row for each unit. */
#define ALPHA 1e-4
#define H 16
/* GMM: d = 10, K = 25 (Srajer, Kukelova, Fitzgibbon: a benchmark of selected algorithmic differentiation tools, 2018),
   without the constant terms.  p: alphas, means, then for each component 10 log-diagonals and the strict lower
   triangle, column after column. */
#define GD 10
#define GK 25
#define GL 45
