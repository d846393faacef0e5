/* What node.py, fast.py, graph.walk and reverse.sweep say, in C.

   The Python files are the truth, and this file is the same thing faster. Whatever is unusual here (an odd operand, a
   number outside a domain, a mode that watches, a gradient with a history, a hook) is handed back to Python, which
   does it in the readable way and writes the errors. Rules of derivatives stay in the table of ops; a few of the
   commonest stand here a second time, as kernels, and a test holds them equal to the table bit for bit.

   The one idea: results live in slabs of memory in the order in which they were made. An operand is always older than
   its result, so the order of making *is* a topological order. Going back through a graph, and freeing one, is then
   one pass over the slabs from the youngest to the oldest, steered by one bit for each node: no list, no recursion.

   State of the process (so: one interpreter, under its lock; native.py refuses others): the type, the ops and strings
   looked up once, the slabs, `watching`, `quiet`, and the list of nodes whose gradient is a Value.                  */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef _MSC_VER
#include <intrin.h>
#include <malloc.h>
#define slab_memory(size, align) _aligned_malloc(size, align)
#define slab_free _aligned_free
static inline int highest_bit(uint64_t word) { unsigned long i; _BitScanReverse64(&i, word); return (int)i; }
#else
#include <stdlib.h>
static void *slab_memory(size_t size, size_t align) { void *p; return posix_memalign(&p, align, size) ? NULL : p; }
#define slab_free free
static inline int highest_bit(uint64_t word) { return 63 - __builtin_clzll(word); }
#endif

/* ---------------------------------------------------------------- what a node is */
typedef struct Node Node;

/* One operand: a node and the derivative w.r.t. it; or no node, and a constant's number in `partial`. */
typedef struct { Node *node; double partial; } Edge;

/* What few nodes have. `next` and `previous` link the nodes whose gradient is a Value: see the collector. */
typedef struct More {
    PyObject *op, *label, *grad, *local; /* grad: a gradient that is no float; local: a Noted tuple of node.py */
    double *data_at, *grad_at;           /* of a parameter that compiled code shares: where its numbers are kept, */
    PyObject *owner;                     /* and who keeps that memory alive */
    Node *self;
    struct More *next, *previous;
} More;

struct Node { /* 80 bytes */
    PyObject_HEAD
    double data;
    union { double grad; Node *next; }; /* next: while it waits to be freed */
    union { PyObject *op; More *more; };
    uint32_t count; /* scratch of the collector */
    uint16_t flags;
    uint16_t few; /* operands in place: 0, 1, 2; MANY: in a block */
    union { Edge edge[2]; struct { Edge *block; Py_ssize_t many; }; };
};

enum { MANY = 3, /* of few */ HAS_MORE = 1, SEEN = 2, LOOSE = 4, BOUND = 8 }; /* of flags; LOOSE: not in a slab */

static PyTypeObject *ValueType;
static PyObject *op_add, *op_sub, *op_mul, *op_div, *op_pow, *op_neg, *op_dot, *op_sum, *op_leaf, *op_constant;
static PyObject *py_number, *py_noted, *py_construct, *py_one, *str_empty;
static int watching; /* a mode is on in some thread: Python makes the nodes */

static inline int is_node(PyObject *o) { return Py_TYPE(o) == ValueType || PyObject_TypeCheck(o, ValueType); }
static inline Py_ssize_t n_edges(Node *v) { return v->few < MANY ? v->few : v->many; }
static inline Edge *edges(Node *v) { return v->few < MANY ? v->edge : v->block; }
static inline PyObject *op_of(Node *v) { return v->flags & HAS_MORE ? v->more->op : v->op; }
static inline double number_of(Node *v) { return v->flags & BOUND ? *v->more->data_at : v->data; }
static inline double *grad_of(Node *v) { return v->flags & BOUND ? v->more->grad_at : &v->grad; }
/* Only Python can pass on a gradient that is no float, or that hooks want to see. */
static inline int wants_python(Node *v) { return (v->flags & HAS_MORE) && (v->more->grad || v->more->local); }

/* ---------------------------------------------------------------- slabs: results in the order of making */
#define SLAB 65536
#define WORDS (SLAB / sizeof(Node) / 64 + 1)

/* Some nodes of a slab, a bit for each: how many, and the last word with a bit in it (if there is any). */
typedef struct { uint32_t n, top; uint64_t words[WORDS]; } Map;

typedef struct Slab {
    struct Slab *older, *younger;
    uint64_t serial;     /* a younger slab has a larger one */
    uint32_t live, used; /* nodes alive; places given out */
    Map marks;           /* nodes whose gradient has to be passed on */
    Map graves;          /* nodes that nobody holds any more, to be freed */
} Slab;

#define HEAD ((sizeof(Slab) + 15) / 16 * 16)
#define PER_SLAB ((SLAB - 64 - HEAD) / sizeof(Node)) /* 64 bytes less, so that malloc can place slabs end to end */
#define MAX_SPARES 256
#define ENOUGH ((8 << 20) / SLAB)

static Slab *current, *spares;
static uint64_t slabs_made = 1; /* serials begin at 2: see `digging` */
static size_t slabs_held, spares_held, live_in_slabs;

static inline Slab *slab_of(Node *v) { return (Slab *)((uintptr_t)v & ~(uintptr_t)(SLAB - 1)); }
static inline Node *node_at(Slab *s, size_t i) { return (Node *)((char *)s + HEAD) + i; }

static inline void enter(Map *m, Node *v)
{
    size_t i = (((uintptr_t)v & (SLAB - 1)) - HEAD) / sizeof(Node);
    m->words[i / 64] |= 1ull << (i % 64);
    if (i / 64 > m->top) m->top = (uint32_t)(i / 64);
    m->n++;
}

static inline Node *take_youngest(Slab *s, Map *m)
{
    while (!m->words[m->top]) m->top--;
    int bit = highest_bit(m->words[m->top]);
    m->words[m->top] ^= 1ull << bit;
    m->n--;
    return node_at(s, m->top * 64 + (size_t)bit);
}

static Slab *new_slab(void)
{
    Slab *s = spares;
    if (s) { spares = s->older; spares_held--; }
    else if (!(s = slab_memory(SLAB - 64, SLAB))) return NULL;
    memset(s, 0, HEAD);
    s->serial = ++slabs_made;
    s->older = current;
    if (current) current->younger = s;
    slabs_held++;
    return current = s;
}

static void retire(Slab *s) /* all of it is dead */
{
    if (s == current) { s->used = 0; return; }
    if (s->older) s->older->younger = s->younger;
    s->younger->older = s->older;
    slabs_held--;
    if (spares_held < MAX_SPARES) { s->older = spares; spares = s; spares_held++; }
    else slab_free(s);
}

/* The type is never freed, so a Value counts no reference to it. */
static inline Node *born(Node *v, uint16_t flags)
{
    PyObject *o = memset(v, 0, sizeof(Node));
    Py_SET_TYPE(o, ValueType);
#ifdef Py_REF_DEBUG
    _Py_NewReference(o);
#else
    Py_SET_REFCNT(o, 1);
#endif
    v->flags = flags;
    return v;
}

static Node *new_loose(void)
{
    Node *v = PyObject_Malloc(sizeof(Node));
    return v ? born(v, LOOSE) : (Node *)PyErr_NoMemory();
}

/* A place in the youngest slab. Where many slabs are held by few survivors each, what is new goes elsewhere, so
   that one node kept out of each slab cannot hold 64 KB. */
static inline Node *new_node(void)
{
    Slab *s = current;
    if (!s || s->used == PER_SLAB) {
        if (slabs_held > ENOUGH && live_in_slabs < slabs_held * PER_SLAB / 4) return new_loose();
        if (!(s = new_slab())) return (Node *)PyErr_NoMemory();
    }
    Node *v = node_at(s, s->used++);
    s->live++; live_in_slabs++;
    return born(v, 0);
}

/* ---------------------------------------------------------------- freeing, to any depth without recursion */
static More *historied; /* the first of the nodes whose gradient is a Value */

static void forget_history(More *m)
{
    if (m->previous) m->previous->next = m->next; else if (historied == m) historied = m->next;
    if (m->next) m->next->previous = m->previous;
    m->next = m->previous = NULL;
}

static void clear_grad(Node *v)
{
    if ((v->flags & HAS_MORE) && v->more->grad) { forget_history(v->more); Py_CLEAR(v->more->grad); }
}

static More *more(Node *v) /* the side block, made when first wanted; NULL with an error set */
{
    if (!(v->flags & HAS_MORE)) {
        More *m = PyMem_Calloc(1, sizeof(More));
        if (!m) { PyErr_NoMemory(); return NULL; }
        m->op = v->op; m->self = v;
        v->more = m; v->flags |= HAS_MORE;
    }
    return v->more;
}

static void drop_more(Node *v)
{
    More *m = v->more;
    if (m->grad) forget_history(m);
    v->flags &= ~(HAS_MORE | BOUND); v->op = NULL;
    Py_XDECREF(m->op); Py_XDECREF(m->label); Py_XDECREF(m->grad); Py_XDECREF(m->local); Py_XDECREF(m->owner);
    PyMem_Free(m);
}

static size_t dying;           /* nodes in graves, of all slabs */
static uint64_t digging;       /* the serial of the slab whose graves are being emptied; 0: none, 1: loose ones */
static Slab *youngest_graves;  /* where the next round has to begin */
static Node *loose_graves;     /* nodes outside slabs that wait to be freed, linked by `next` */

static inline void doom(Node *v)
{
    Slab *s = slab_of(v);
    enter(&s->graves, v);
    dying++;
    if (s->serial > digging && (!youngest_graves || s->serial > youngest_graves->serial)) youngest_graves = s;
}

/* Let go of all that v holds. An operand that v alone holds is doomed, with its last reference still counted. */
static inline void let_go(Node *v)
{
    Edge *e = edges(v);
    for (Py_ssize_t i = 0, n = n_edges(v); i < n; i++) {
        Node *p = e[i].node;
        if (!p) continue;
        if (Py_REFCNT(p) == 1 && Py_TYPE(p) == ValueType && !(p->flags & LOOSE)) doom(p);
        else Py_DECREF(p);
    }
    if (v->few == MANY) PyMem_Free(v->block);
    v->few = 0;
    if (v->flags & HAS_MORE) drop_more(v); else Py_XDECREF(v->op);
}

static void node_dealloc(PyObject *self)
{
    Node *v = (Node *)self;
    if (Py_TYPE(self) != ValueType) { /* of a subclass made in Python */
        PyTypeObject *type = Py_TYPE(self);
        let_go(v);
        type->tp_free(self);
        Py_DECREF(type);
    }
    else if (v->flags & LOOSE) { v->next = loose_graves; loose_graves = v; }
    else doom(v);
    if (digging) return; /* the one who digs will come by */
    while (dying || loose_graves) {
        digging = 1;
        for (Node *u; (u = loose_graves);) {
            loose_graves = u->next;
            let_go(u);
            PyObject_Free(u);
        }
        Slab *s = youngest_graves, *older;
        youngest_graves = NULL;
        for (; s && dying; s = older) {
            digging = s->serial;
            uint32_t freed = 0; /* counted in the end, so that the slab stays until then */
            for (; s->graves.n; freed++) let_go(take_youngest(s, &s->graves));
            older = s->older;
            dying -= freed; live_in_slabs -= freed;
            if ((s->live -= freed) == 0) retire(s);
        }
    }
    digging = 0;
}

/* ---------------------------------------------------------------- making nodes */
static inline void point(Edge *e, Node *node, double partial) { Py_XINCREF(node); *e = (Edge){node, partial}; }

/* A result of one or two operands; one that is no node is a constant, with its number in the place of the partial. */
static inline PyObject *made(double data, PyObject *op, uint16_t few, Node *a, double da, Node *b, double db)
{
    Node *v = new_node();
    if (!v) return NULL;
    v->data = data; v->op = Py_NewRef(op); v->few = few;
    point(&v->edge[0], a, da);
    point(&v->edge[1], b, db);
    return (PyObject *)v;
}

/* ---------------------------------------------------------------- operators: fast.py's */
static PyObject *readable(PyObject *self, PyObject *op, PyObject *l, PyObject *r) /* Value._apply: it writes every error */
{ return PyObject_CallMethod(self, "_apply", r ? "O(OO)" : "O(O)", op, l, r); }

/* A real scalar of NumPy, by the name of its type: rows of arrays are full of them. */
static int of_numpy(PyObject *o)
{
    const char *name = Py_TYPE(o)->tp_name, *n = name + 6;
    return !strncmp(name, "numpy.", 6)
        && (!strncmp(n, "float", 5) || !strncmp(n, "int", 3) || !strncmp(n, "uint", 4) || !strncmp(n, "bool", 4));
}

/* What an operand is: a node (1), a constant (0), something for `_apply` (-1). */
static inline int operand(PyObject *o, double *x, Node **node)
{
    *node = is_node(o) ? (Node *)o : NULL;
    if (*node) { *x = number_of(*node); return 1; }
    if (PyFloat_CheckExact(o)) { *x = PyFloat_AS_DOUBLE(o); return 0; }
    if (!PyLong_CheckExact(o) && !of_numpy(o)) return -1;
    *x = PyFloat_AsDouble(o);
    if (*x == -1.0 && PyErr_Occurred()) { PyErr_Clear(); return -1; }
    return 0;
}

#define BINARY(name, OP, compute, dx, dy, ok)                                                     \
    static PyObject *node_##name(PyObject *l, PyObject *r)                                        \
    {                                                                                             \
        double x, y; Node *a, *b;                                                                 \
        if (watching || operand(l, &x, &a) < 0 || operand(r, &y, &b) < 0 || !(ok))                \
            return readable(is_node(l) ? l : r, OP, l, r);                                        \
        double out = compute;                                                                     \
        return made(out, OP, 2, a, a ? (dx) : x, b, b ? (dy) : y);                                 \
    }

BINARY(add, op_add, x + y, 1.0, 1.0, 1)
BINARY(sub, op_sub, x - y, 1.0, -1.0, 1)
BINARY(mul, op_mul, x * y, y, x, 1)
BINARY(div, op_div, x / y, 1.0 / y, -out / y, y != 0.0)

static PyObject *node_pow(PyObject *l, PyObject *r, PyObject *mod)
{
    double x, n; Node *a, *b;
    if (!watching && operand(l, &x, &a) >= 0 && operand(r, &n, &b) >= 0 && isfinite(x) && n != 0.0 && fabs(n) < 1e15) {
        int whole = n == floor(n);
        double out = pow(x, n), dx = n == 1.0 ? 1.0 : n * (whole ? pow(x, n - 1.0) : out / x);
        if (isfinite(out) && isfinite(dx) && (x > 0.0 ? whole || out >= 0x1p-1022 : x < 0.0 && whole && !b))
            return made(out, op_pow, 2, a, a ? dx : x, b, b ? out * log(x) : n);
    }
    return readable(is_node(l) ? l : r, op_pow, l, r);
}

static PyObject *negative(Node *v) { return made(-number_of(v), op_neg, 1, v, -1.0, NULL, 0.0); }
static PyObject *node_neg(PyObject *self) { return watching ? readable(self, op_neg, self, NULL) : negative((Node *)self); }

static int node_bool(PyObject *self) { return number_of((Node *)self) != 0.0; }

static PyObject *node_compare(PyObject *l, PyObject *r, int which)
{
    static const char *const names[] = {"__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"};
    double x, y; Node *a, *b;
    if (which == Py_EQ || which == Py_NE) return PyBaseObject_Type.tp_richcompare(l, r, which); /* identity */
    if (operand(r, &y, &b) >= 0 && operand(l, &x, &a) >= 0) Py_RETURN_RICHCOMPARE(x, y, which);
    return PyObject_CallMethod((PyObject *)ValueType->tp_base, names[which], "OO", l, r); /* node.py's */
}

/* ---------------------------------------------------------------- ops of one operand */
typedef int (*Kernel)(double x, double *out, double *partial); /* 0: not here, ask the table */

static inline double logistic(double x)
{
    if (x >= 0) return 1.0 / (1.0 + exp(-x));
    double e = exp(x);
    return e / (1.0 + e);
}
#define KERNEL(name, here, compute) \
    static int k_##name(double x, double *out, double *partial) { double y; compute; *out = y; return here; }

KERNEL(tanh, isfinite(x), y = tanh(x); double e = exp(-2.0 * fabs(x));
       *partial = -0.7 < x && x < 0.7 ? 1.0 - y * y : 4.0 * e / ((1.0 + e) * (1.0 + e)))
KERNEL(relu, x == x && x != 0.0, y = x > 0 ? x : 0.0; *partial = x > 0 ? 1.0 : 0.0) /* at a kink, the table chooses */
KERNEL(sigmoid, fabs(x) < 700.0, y = logistic(x); *partial = y * (y < 0.5 ? 1.0 - y : logistic(-x)))
KERNEL(exp, isfinite(x) && isfinite(y), y = *partial = exp(x))
KERNEL(log, x > 0 && isfinite(x) && isfinite(*partial), y = log(x); *partial = 1.0 / x)
KERNEL(sqrt, x > 0 && isfinite(x), y = sqrt(x); *partial = 0.5 / y)
KERNEL(sin, isfinite(x), y = sin(x); *partial = cos(x))
KERNEL(cos, isfinite(x), y = cos(x); *partial = -sin(x))
KERNEL(square, isfinite(y), y = x * x; *partial = 2.0 * x)
KERNEL(absolute, x == x && x != 0.0, y = fabs(x); *partial = x > 0 ? 1.0 : -1.0)

static struct { const char *name; Kernel kernel; PyObject *op; } KERNELS[] = { /* the ops are found by `derive` */
    {"tanh", k_tanh}, {"relu", k_relu}, {"sigmoid", k_sigmoid}, {"exp", k_exp}, {"log", k_log},
    {"sqrt", k_sqrt}, {"sin", k_sin}, {"cos", k_cos}, {"square", k_square}, {"absolute", k_absolute}, {NULL},
};

static PyObject *node_apply_one(PyObject *self, PyObject *op)
{
    Node *v = (Node *)self; double x = number_of(v), out, partial;
    if (watching) return readable(self, op, self, NULL);
    for (int i = 0; KERNELS[i].name; i++)
        if (KERNELS[i].op == op) {
            if (KERNELS[i].kernel(x, &out, &partial)) return made(out, op, 1, v, partial, NULL, 0.0);
            break;
        }
    PyObject *pair = PyObject_CallFunction(py_one, "Od", op, x); /* the number and its derivative */
    int fine = pair && PyArg_ParseTuple(pair, "dd", &out, &partial);
    Py_XDECREF(pair);
    if (fine) return made(out, op, 1, v, partial, NULL, 0.0);
    if (PyErr_Occurred()) { /* a refusal is told by `_apply`, which knows the labels; anything else goes up */
        if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_ArithmeticError)) return NULL;
        PyErr_Clear();
    }
    return readable(self, op, self, NULL);
}

/* ---------------------------------------------------------------- the fields, as Python sees them */
static int to_double(PyObject *o, double *x)
{
    if (PyFloat_CheckExact(o)) { *x = PyFloat_AS_DOUBLE(o); return 0; }
    PyObject *f = PyObject_CallOneArg(py_number, o);
    if (!f) return -1;
    *x = PyFloat_AsDouble(f);
    Py_DECREF(f);
    return *x == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static int refuse_deletion(void) { PyErr_SetString(PyExc_AttributeError, "a field of a node cannot be deleted"); return -1; }

static PyObject *get_data(Node *v, void *_) { return PyFloat_FromDouble(number_of(v)); }
static int put_data(Node *v, PyObject *to, void *_)
{
    double x;
    if (!to) return refuse_deletion();
    if (to_double(to, &x) < 0) return -1;
    *(v->flags & BOUND ? v->more->data_at : &v->data) = x;
    return 0;
}

static PyObject *get_grad(Node *v, void *_)
{
    if ((v->flags & HAS_MORE) && v->more->grad) return Py_NewRef(v->more->grad);
    return PyFloat_FromDouble(*grad_of(v));
}
static int put_grad(Node *v, PyObject *to, void *_)
{
    if (!to) return refuse_deletion();
    if (PyFloat_CheckExact(to) || PyLong_CheckExact(to) || (v->flags & BOUND)) { /* an array holds numbers alone */
        double g = is_node(to) ? number_of((Node *)to) : PyFloat_AsDouble(to);
        if (g == -1.0 && PyErr_Occurred()) return -1;
        clear_grad(v);
        *grad_of(v) = g;
        return 0;
    }
    More *m = more(v); /* a Value with a history: from here a cycle is possible, so the collector has to know */
    if (!m) return -1;
    if (!m->grad) {
        m->previous = NULL; m->next = historied;
        if (historied) historied->previous = m;
        historied = m;
    }
    Py_XSETREF(m->grad, Py_NewRef(to));
    return 0;
}

static PyObject *get_label(Node *v, void *_)
{ return Py_NewRef((v->flags & HAS_MORE) && v->more->label ? v->more->label : str_empty); }
static int put_label(Node *v, PyObject *to, void *_)
{
    if (!to) return refuse_deletion();
    if (to == str_empty && !(v->flags & HAS_MORE)) return 0;
    if (!more(v)) return -1;
    Py_XSETREF(v->more->label, Py_NewRef(to));
    return 0;
}

static PyObject *get_op(Node *v, void *_) { return Py_NewRef(op_of(v)); }
static int put_op(Node *v, PyObject *to, void *_)
{
    if (!to) return refuse_deletion();
    PyObject **at = v->flags & HAS_MORE ? &v->more->op : &v->op;
    Py_XSETREF(*at, Py_NewRef(to));
    return 0;
}

/* The operands, or the local derivatives w.r.t. them, as a tuple. */
static PyObject *as_tuple(Node *v, int derivatives)
{
    Edge *e = edges(v);
    PyObject *t = PyTuple_New(n_edges(v)), *item;
    for (Py_ssize_t i = 0, n = n_edges(v); t && i < n; i++) {
        if (derivatives) item = e[i].node ? PyFloat_FromDouble(e[i].partial) : Py_NewRef(Py_None);
        else item = e[i].node ? Py_NewRef((PyObject *)e[i].node) : PyFloat_FromDouble(e[i].partial);
        if (!item) { Py_DECREF(t); return NULL; }
        PyTuple_SET_ITEM(t, i, item);
    }
    return t;
}
static PyObject *get_parents(Node *v, void *_) { return as_tuple(v, 0); }
static PyObject *get_local(Node *v, void *_)
{ return (v->flags & HAS_MORE) && v->more->local ? Py_NewRef(v->more->local) : as_tuple(v, 1); }

/* The operands of a new node. Any of them in a slab is older than the node, or creation order is no order. */
static PyObject *node_link(Node *v, PyObject *parents)
{
    if (v->few) return PyErr_Format(PyExc_AttributeError, "a node has its operands already, and keeps them");
    PyObject *t = PySequence_Tuple(parents), *p;
    if (!t) return NULL;
    Py_ssize_t n = PyTuple_GET_SIZE(t);
    for (Py_ssize_t i = 0; i < n && !PyErr_Occurred(); i++)
        if (!PyFloat_CheckExact(p = PyTuple_GET_ITEM(t, i)) && !is_node(p))
            PyErr_Format(PyExc_TypeError, "an operand is a Value or a float, not %.80s", Py_TYPE(p)->tp_name);
        else if (is_node(p) && !((v->flags | ((Node *)p)->flags) & LOOSE)
                 && (slab_of((Node *)p) == slab_of(v) ? (Node *)p >= v : slab_of((Node *)p)->serial > slab_of(v)->serial))
            PyErr_SetString(PyExc_ValueError, "an operand is made before its result");
    Edge *to = v->edge;
    if (n > 2 && !PyErr_Occurred() && !(to = PyMem_Malloc(n * sizeof(Edge)))) PyErr_NoMemory();
    if (PyErr_Occurred()) { Py_DECREF(t); return NULL; }
    for (Py_ssize_t i = 0; i < n; i++)
        if (is_node(p = PyTuple_GET_ITEM(t, i))) point(&to[i], (Node *)p, NAN);
        else point(&to[i], NULL, PyFloat_AS_DOUBLE(p));
    v->few = n > 2 ? MANY : (uint16_t)n;
    if (n > 2) { v->block = to; v->many = n; }
    Py_DECREF(t);
    Py_RETURN_NONE;
}

static int put_local(Node *v, PyObject *to, void *_)
{
    Py_ssize_t n = n_edges(v);
    PyObject *t = to ? PySequence_Tuple(to) : NULL;
    if (!t) return to ? -1 : refuse_deletion();
    if (PyTuple_GET_SIZE(t) != n) {
        PyErr_Format(PyExc_ValueError, "%zd local derivatives for %zd operands", PyTuple_GET_SIZE(t), n);
        Py_DECREF(t);
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        Edge *e = &edges(v)[i];
        double d = e->node ? PyFloat_AsDouble(PyTuple_GET_ITEM(t, i)) : 0.0;
        if (d == -1.0 && PyErr_Occurred()) { Py_DECREF(t); return -1; }
        if (e->node) e->partial = d;
    }
    Py_DECREF(t);
    if (v->flags & HAS_MORE) Py_CLEAR(v->more->local);
    return 0;
}

static PyObject *get_notes(Node *v, void *_)
{ return Py_NewRef((v->flags & HAS_MORE) && v->more->local ? v->more->local : Py_None); }
static PyObject *node_with_notes(Node *v, PyObject *_)
{
    if (!more(v)) return NULL;
    if (!v->more->local) {
        PyObject *local = as_tuple(v, 1);
        v->more->local = local ? PyObject_CallOneArg(py_noted, local) : NULL;
        Py_XDECREF(local);
        if (!v->more->local) return NULL;
    }
    return Py_NewRef(v->more->local);
}

/* fields(data, label, op, parents, local): a leaf stands apart from the slabs, so that a parameter pins none of them. */
static PyObject *node_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    int leaf = PyTuple_GET_SIZE(args) && PyTuple_GET_SIZE(args) < 4 && !(kw && PyDict_GetItemString(kw, "parents"));
    Node *v;
    if (type == ValueType) v = leaf ? new_loose() : new_node();
    else if ((v = (Node *)type->tp_alloc(type, 0))) v->flags = LOOSE;
    if (v) v->op = Py_NewRef(op_leaf);
    return (PyObject *)v;
}

static int node_init(Node *v, PyObject *args, PyObject *kw)
{
    static char *names[] = {"data", "label", "op", "parents", "local", "requires_grad", NULL};
    PyObject *data, *label = NULL, *op = NULL, *parents = NULL, *local = NULL;
    int requires_grad = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kw, "O|OOOO$p:Value", names, &data, &label, &op, &parents, &local, &requires_grad))
        return -1;
    if (!requires_grad) op = op_constant;
    if (to_double(data, &v->data) < 0 || (label && put_label(v, label, NULL) < 0) || (op && put_op(v, op, NULL) < 0)) return -1;
    int some = parents ? PyObject_IsTrue(parents) : 0;
    if (some <= 0) return some;
    PyObject *done = node_link(v, parents);
    Py_XDECREF(done);
    return done && local ? put_local(v, local, NULL) : done ? 0 : -1;
}

static PyObject *node_called(PyObject *type, PyObject *const *args, size_t flags, PyObject *names)
{ /* Value(...), which nearly always is of one float; all else goes to type.__call__ */
    if (watching || names || PyVectorcall_NARGS(flags) != 1 || !PyFloat_CheckExact(args[0]))
        return PyObject_Vectorcall(py_construct, args, PyVectorcall_NARGS(flags), names);
    Node *v = new_loose();
    if (v) { v->data = PyFloat_AS_DOUBLE(args[0]); v->op = Py_NewRef(op_leaf); }
    return (PyObject *)v;
}

static int node_traverse(PyObject *self, visitproc visit, void *arg) /* for subclasses; a Value has no collector header */
{
    Node *v = (Node *)self;
    Edge *e = edges(v);
    for (Py_ssize_t i = 0, n = n_edges(v); i < n; i++) Py_VISIT(e[i].node);
    if (v->flags & HAS_MORE) { Py_VISIT(v->more->grad); Py_VISIT(v->more->local); Py_VISIT(v->more->owner); }
    if (Py_TYPE(self) != ValueType) Py_VISIT(Py_TYPE(self));
    return 0;
}

/* ---------------------------------------------------------------- the chain rule, from a root back to the leaves */
typedef struct { Node **at; size_t n, room; } Stack;

static int push(Stack *q, Node *v)
{
    if (q->n == q->room) {
        size_t room = q->room ? q->room * 2 : 256;
        Node **at = PyMem_Realloc(q->at, room * sizeof(Node *));
        if (!at) return -1;
        q->at = at; q->room = room;
    }
    q->at[q->n++] = v;
    return 0;
}

/* graph.walk, in the same order: 0, or -1 without memory; every node seen is marked SEEN until `unmark`. */
static int depth_first(Stack *todo, Stack *order)
{
    while (todo->n) {
        Node *v = todo->at[todo->n - 1];
        int done = !v; /* with its operands: it stands below */
        if (done) v = todo->at[todo->n - 2];
        else if (v->flags & SEEN) { todo->n--; continue; }
        if (done || !v->few) {
            if (push(order, v) < 0) return -1;
            todo->n -= done + 1;
            v->flags |= SEEN;
            continue;
        }
        v->flags |= SEEN;
        if (push(todo, NULL) < 0) return -1;
        Edge *e = edges(v);
        for (Py_ssize_t i = n_edges(v) - 1; i >= 0; i--)
            if (e[i].node && !(e[i].node->flags & SEEN) && push(todo, e[i].node) < 0) return -1;
    }
    return 0;
}

static void unmark(Stack *todo, Stack *order) /* also after a failure: what is seen is in one of the two */
{
    for (size_t i = 0; i < order->n; i++) order->at[i]->flags &= ~SEEN;
    for (size_t i = 0; i < todo->n; i++) if (todo->at[i]) todo->at[i]->flags &= ~SEEN;
}

/* A leaf has no operands, so the gradient it had before a pass waits in that place, while `grad` gathers what arrives. */
static int reach(Stack *leaves, Node *p)
{
    if (push(leaves, p) < 0) return -1;
    p->edge[0].partial = *grad_of(p);
    p->flags |= SEEN;
    p->grad = 0.0;
    return 0;
}

static int quiet; /* what arrives at a leaf waits in its second place, and every `.grad` stays as it was */
static void settle(Stack *leaves, int fine) /* all old or all new */
{
    for (size_t i = 0; i < leaves->n; i++) {
        Node *p = leaves->at[i];
        double before = p->edge[0].partial;
        p->flags &= ~SEEN;
        if (quiet) p->edge[1].partial = p->grad;
        *grad_of(p) = fine && !quiet && op_of(p) != op_constant ? before + p->grad : before;
    }
    PyMem_Free(leaves->at);
}

static size_t marked; /* in all slabs */

static inline void mark(Node *v)
{
    enter(&slab_of(v)->marks, v);
    marked++;
    v->flags |= SEEN;
    v->grad = 0.0;
}

/* Through the slabs, the youngest marked node first. 1: done. 0: for Python. -1: some node stands outside. */
static int by_slabs(Node *root)
{
    Stack leaves = {0};
    int fine = 1;
    mark(root);
    root->grad = 1.0;
    for (Slab *s = slab_of(root); marked; s = s->older)
        while (s->marks.n) {
            Node *v = take_youngest(s, &s->marks);
            marked--;
            v->flags &= ~SEEN;
            double g = v->grad;
            if (quiet) v->grad = 0.0;
            if (fine < 1) continue; /* the marks are only taken away */
            Edge *e = edges(v);
            for (Py_ssize_t i = 0, n = n_edges(v); i < n; i++) {
                Node *p = e[i].node;
                if (!p) continue;
                if (!(p->flags & SEEN)) {
                    if (wants_python(p) || (quiet && p->few && p->grad != 0.0)) fine = 0;
                    else if (!p->few) fine = reach(&leaves, p) == 0;
                    else if (p->flags & LOOSE) fine = -1;
                    else mark(p);
                    if (fine < 1) break;
                }
                p->grad += g * e[i].partial;
            }
        }
    settle(&leaves, fine == 1);
    return fine;
}

/* The same in graph.walk's order, for graphs with nodes outside the slabs. 1: done. 0: for Python. */
static int by_walk(Node *root)
{
    Stack todo = {0}, order = {0}, leaves = {0};
    int fine = push(&todo, root) == 0 && depth_first(&todo, &order) == 0;
    unmark(&todo, &order);
    for (size_t i = 0; fine && i < order.n; i++) {
        Node *v = order.at[i];
        if (wants_python(v) || (quiet && v->few && v->grad != 0.0)) fine = 0;
        else if (!v->few) fine = reach(&leaves, v) == 0;
        else v->grad = 0.0;
    }
    if (fine) root->grad = 1.0;
    for (size_t i = order.n; fine && i-- > 0;) {
        Node *v = order.at[i];
        Edge *e = edges(v);
        for (Py_ssize_t j = 0, n = n_edges(v); j < n; j++)
            if (e[j].node) e[j].node->grad += v->grad * e[j].partial;
        if (quiet && v->few) v->grad = 0.0;
    }
    settle(&leaves, fine);
    PyMem_Free(todo.at); PyMem_Free(order.at);
    return fine;
}

/* True if done; False, with the leaves as they were, if Python has to do it. No Python code runs inside. */
static PyObject *mod_backward(PyObject *mod, PyObject *arg)
{
    if (!is_node(arg) || wants_python((Node *)arg)) Py_RETURN_FALSE;
    Node *root = (Node *)arg;
    if (!root->few) {
        if (op_of(root) != op_constant) *grad_of(root) += 1.0;
        Py_RETURN_TRUE;
    }
    int fine = root->flags & LOOSE ? -1 : by_slabs(root);
    return PyBool_FromLong(fine < 0 ? by_walk(root) : fine);
}

/* gradients(root, leaves), with every `.grad` left as it is; None if Python has to do it. */
static PyObject *mod_gradients(PyObject *mod, PyObject *args)
{
    PyObject *leaves, *found = NULL, *g; Node *root;
    if (!PyArg_ParseTuple(args, "O!O!", ValueType, &root, &PyTuple_Type, &leaves)) return NULL;
    Py_ssize_t n = PyTuple_GET_SIZE(leaves);
    Node **leaf = (Node **)PySequence_Fast_ITEMS(leaves);
    int fine = root->few && root->grad == 0.0;
    for (Py_ssize_t i = 0; i < n; i++)
        if (is_node((PyObject *)leaf[i]) && !leaf[i]->few) leaf[i]->edge[1].partial = 0.0; else fine = 0;
    if (!fine) Py_RETURN_NONE;
    quiet = 1;
    PyObject *done = mod_backward(mod, (PyObject *)root);
    quiet = 0;
    if (done == Py_True) found = PyList_New(n);
    for (Py_ssize_t i = 0; found && i < n; i++)
        if ((g = PyFloat_FromDouble(leaf[i]->edge[1].partial))) PyList_SET_ITEM(found, i, g); else Py_CLEAR(found);
    Py_DECREF(done);
    return found || PyErr_Occurred() ? found : Py_NewRef(Py_None);
}

static PyObject *mod_walk(PyObject *mod, PyObject *args) /* graph.walk(roots, reset), with a tuple of roots */
{
    PyObject *roots, *order = NULL, *leaves = NULL;
    Stack todo = {0}, found = {0};
    int reset, fine = 1;
    if (!PyArg_ParseTuple(args, "O!p", &PyTuple_Type, &roots, &reset)) return NULL;
    for (Py_ssize_t i = PyTuple_GET_SIZE(roots) - 1; fine && i >= 0; i--) {
        PyObject *r = PyTuple_GET_ITEM(roots, i);
        if (is_node(r)) fine = push(&todo, (Node *)r) == 0;
        else if (!PyFloat_CheckExact(r)) Py_XDECREF(PyObject_GetAttrString(r, "parents")), fine = !PyErr_Occurred();
    }
    fine = fine && depth_first(&todo, &found) == 0;
    unmark(&todo, &found);
    if (fine) order = PyList_New((Py_ssize_t)found.n);
    if (order) leaves = PyList_New(0);
    for (size_t i = 0; fine && leaves && i < found.n; i++) {
        Node *v = found.at[i];
        PyList_SET_ITEM(order, (Py_ssize_t)i, Py_NewRef((PyObject *)v));
        if (!v->few) fine = PyList_Append(leaves, (PyObject *)v) == 0;
    }
    if (fine && leaves && reset) /* now: letting go of an old gradient may run anything */
        for (size_t i = 0; i < found.n; i++)
            if (found.at[i]->few) { clear_grad(found.at[i]); found.at[i]->grad = 0.0; }
    PyMem_Free(todo.at); PyMem_Free(found.at);
    if (fine && leaves) return Py_BuildValue("(NN)", order, leaves);
    Py_XDECREF(order); Py_XDECREF(leaves);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}

/* ---------------------------------------------------------------- sums of many: value.dot and value.total */
typedef struct { double sum, lost; } Sum; /* as Python's own sum of floats adds: from 3.12 on it carries what is lost */

static inline void add_to(Sum *s, double term)
{
#if PY_VERSION_HEX >= 0x030C0000
    double t = s->sum + term;
    s->lost += fabs(s->sum) >= fabs(term) ? (s->sum - t) + term : (term - t) + s->sum;
    s->sum = t;
#else
    s->sum += term;
#endif
}
static inline double summed(Sum *s) { return s->lost != 0.0 && isfinite(s->lost) ? s->sum + s->lost : s->sum; }

/* w1*x1 + w2*x2 + ... + b as one node; without x, w1 + w2 + ... */
static PyObject *weighted(PyObject *op, PyObject **w, PyObject **x, Py_ssize_t n, Node *b)
{
    Py_ssize_t m = (x ? 2 * n : n) + (b != NULL);
    Node *v = new_node();
    if (!v) return NULL;
    Edge *block = PyMem_Malloc(m * sizeof(Edge));
    if (!block) { Py_DECREF(v); return PyErr_NoMemory(); }
    Sum s = {b ? number_of(b) : 0.0, 0.0};
    for (Py_ssize_t i = 0; i < n; i++) {
        double wd = 0.0, xd = 1.0; Node *wn = NULL, *xn = NULL;
        operand(w[i], &wd, &wn);
        if (x) operand(x[i], &xd, &xn);
        add_to(&s, x ? wd * xd : wd);
        point(&block[i], wn, wn ? xd : wd);
        if (x) point(&block[n + i], xn, xn ? wd : xd);
    }
    if (b) point(&block[2 * n], b, 1.0);
    v->data = summed(&s); v->op = Py_NewRef(op);
    v->few = MANY; v->block = block; v->many = m;
    return (PyObject *)v;
}

static PyObject *mod_dot(PyObject *mod, PyObject *args) /* dot(ws, xs, b); None if Python has to do it */
{
    PyObject *ws, *xs, *b; double d; Node *v;
    if (!PyArg_ParseTuple(args, "OOO", &ws, &xs, &b)) return NULL;
    if (watching || !(PyList_CheckExact(ws) || PyTuple_CheckExact(ws)) || !(PyList_CheckExact(xs) || PyTuple_CheckExact(xs))
        || (b != Py_None && !is_node(b))) Py_RETURN_NONE;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(ws);
    PyObject **w = PySequence_Fast_ITEMS(ws), **x = PySequence_Fast_ITEMS(xs);
    if (2 * n + (b != Py_None) < 3 || PySequence_Fast_GET_SIZE(xs) != n) Py_RETURN_NONE;
    for (Py_ssize_t i = 0; i < n; i++) if (!is_node(w[i]) || operand(x[i], &d, &v) < 0) Py_RETURN_NONE;
    return weighted(op_dot, w, x, n, b == Py_None ? NULL : (Node *)b);
}

static PyObject *mod_sum(PyObject *mod, PyObject *terms) /* sum(tuple); None if Python has to do it */
{
    Py_ssize_t n = PyTuple_CheckExact(terms) ? PyTuple_GET_SIZE(terms) : 0, nodes = 0; double d; Node *v;
    if (watching || n < 3) Py_RETURN_NONE;
    PyObject **w = PySequence_Fast_ITEMS(terms);
    for (Py_ssize_t i = 0; i < n; i++) {
        int kind = operand(w[i], &d, &v);
        if (kind < 0) Py_RETURN_NONE;
        nodes += kind;
    }
    return nodes ? weighted(op_sum, w, NULL, n, NULL) : Py_NewRef(Py_None);
}

/* ---------------------------------------------------------------- the collector, for gradients with a history

   A leaf whose gradient is a Value made from that leaf is the one cycle there can be, and nodes are invisible to Python's
   collector. So when that begins a full collection, it calls `collect`: among all that the historied nodes reach, what
   has no reference from outside, and is not reached from what has, loses its gradient; the rest follows by itself. */

static int gather(Stack *all, Node *v)
{
    if (v->flags & SEEN) return 0;
    if (push(all, v) < 0) return -1;
    v->flags |= SEEN; v->count = 0;
    return 0;
}

/* What v holds, one after the other: its operands, NULL for a constant, and at last a gradient that is a Value. */
static inline Node *held(Node *v, Py_ssize_t i)
{
    if (i < n_edges(v)) return edges(v)[i].node;
    return (v->flags & HAS_MORE) && v->more->grad && is_node(v->more->grad) ? (Node *)v->more->grad : NULL;
}

static PyObject *mod_collect(PyObject *mod, PyObject *_)
{
    if (!historied || digging) Py_RETURN_NONE;
    Stack all = {0}, live = {0}, dead = {0};
    Node *p;
    int fine = 1;
    for (More *m = historied; fine && m; m = m->next) fine = gather(&all, m->self) == 0;
    for (size_t i = 0; fine && i < all.n; i++) /* all grows on the way */
        for (Py_ssize_t j = 0, n = n_edges(all.at[i]); fine && j <= n; j++)
            if ((p = held(all.at[i], j)) && (fine = gather(&all, p) == 0)) p->count++;
    for (size_t i = 0; fine && i < all.n; i++)
        if (Py_REFCNT(all.at[i]) > (Py_ssize_t)all.at[i]->count) {
            all.at[i]->flags &= ~SEEN; /* SEEN now means: nobody outside has asked for it */
            fine = push(&live, all.at[i]) == 0;
        }
    for (size_t i = 0; fine && i < live.n; i++)
        for (Py_ssize_t j = 0, n = n_edges(live.at[i]); fine && j <= n; j++)
            if ((p = held(live.at[i], j)) && (p->flags & SEEN)) { p->flags &= ~SEEN; fine = push(&live, p) == 0; }
    for (More *m = historied; fine && m; m = m->next)
        if ((m->self->flags & SEEN) && (fine = push(&dead, m->self) == 0)) Py_INCREF(m->self);
    for (size_t i = 0; i < all.n; i++) all.at[i]->flags &= ~SEEN;
    for (size_t i = 0; fine && i < dead.n; i++) clear_grad(dead.at[i]);
    for (size_t i = 0; i < dead.n; i++) Py_DECREF(dead.at[i]);
    PyMem_Free(all.at); PyMem_Free(live.at); PyMem_Free(dead.at);
    Py_RETURN_NONE;
}

/* ---------------------------------------------------------------- numbers kept in an array of compiled code */
static PyObject *mod_bind(PyObject *mod, PyObject *args) /* bind(value, data address, grad address, owner) */
{
    Node *v;
    PyObject *owner;
    unsigned long long data, grad;
    if (!PyArg_ParseTuple(args, "O!KKO", ValueType, &v, &data, &grad, &owner) || !more(v)) return NULL;
    v->more->data_at = (double *)(uintptr_t)data; v->more->grad_at = (double *)(uintptr_t)grad;
    v->flags |= BOUND;
    Py_XSETREF(v->more->owner, Py_NewRef(owner));
    Py_RETURN_NONE;
}
static PyObject *mod_release(PyObject *mod, PyObject *o) /* an ordinary Value again, with the numbers of now */
{
    Node *v = (Node *)o;
    if (is_node(o) && (v->flags & BOUND)) {
        v->data = *v->more->data_at; v->grad = *v->more->grad_at;
        v->flags &= ~BOUND;
        Py_CLEAR(v->more->owner);
    }
    Py_RETURN_NONE;
}
static PyObject *mod_owner(PyObject *mod, PyObject *o) /* what `bind` was given, or None */
{ return Py_NewRef(is_node(o) && (((Node *)o)->flags & BOUND) ? ((Node *)o)->more->owner : Py_None); }

/* ---------------------------------------------------------------- the module */
static PyGetSetDef node_getset[] = {
    {"data", (getter)get_data, (setter)put_data, "The number.", NULL},
    {"grad", (getter)get_grad, (setter)put_grad, "d(root)/d(self) after root.backward().", NULL},
    {"label", (getter)get_label, (setter)put_label, "The name that pictures, explanations and errors use.", NULL},
    {"op", (getter)get_op, (setter)put_op, "The op that made it.", NULL},
    {"parents", (getter)get_parents, NULL, "The operands in order: Values, or bare floats for constants.", NULL},
    {"local", (getter)get_local, (setter)put_local, "The local derivative w.r.t. each operand, None for a bare float.", NULL},
    {"notes", (getter)get_notes, NULL, "Hooks, and the line of the program that made this node; None of nearly every node.", NULL},
    {NULL},
};
static PyMethodDef node_methods[] = {
    {"link", (PyCFunction)node_link, METH_O, "Set the operands of a new node; nobody sets them afterwards."},
    {"with_notes", (PyCFunction)node_with_notes, METH_NOARGS, "The notes of this node, begun now if there are none."},
    {"_apply_one", node_apply_one, METH_O, "`_apply` for an op of one operand, which is self: what `v.tanh()` calls."},
    {NULL},
};
static PyType_Slot node_slots[] = {
    {Py_tp_hash, NULL}, /* object's own, filled in below: a type that compares has to say it hashes */
    {Py_tp_new, node_new}, {Py_tp_init, node_init}, {Py_tp_dealloc, node_dealloc}, {Py_tp_traverse, node_traverse},
    {Py_tp_alloc, PyType_GenericAlloc}, {Py_tp_free, PyObject_Free}, {Py_tp_getset, node_getset},
    {Py_tp_methods, node_methods}, {Py_tp_richcompare, node_compare}, {Py_nb_add, node_add}, {Py_nb_subtract, node_sub},
    {Py_nb_multiply, node_mul}, {Py_nb_true_divide, node_div}, {Py_nb_power, node_pow}, {Py_nb_negative, node_neg},
    {Py_nb_bool, node_bool}, {0, NULL},
};
static PyType_Spec node_spec = {"tinygrad_lite.engine.value.Value", sizeof(Node), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, node_slots};

/* derive(Value, ops, number, Noted, one): the class to use in place of the Python one, whose methods it inherits.
   It has a tp_traverse of its own, so that it does not take over the collector's header from its base. */
static PyObject *mod_derive(PyObject *mod, PyObject *args)
{
    PyObject *readable_value, *ops;
    if (!PyArg_ParseTuple(args, "OOOOO", &readable_value, &ops, &py_number, &py_noted, &py_one)) return NULL;
    Py_INCREF(py_number); Py_INCREF(py_noted); Py_INCREF(py_one);
    struct { PyObject **to; const char *name; } wanted[] = {
        {&op_add, "add"}, {&op_sub, "sub"}, {&op_mul, "mul"}, {&op_div, "div"}, {&op_pow, "pow"}, {&op_neg, "neg"},
        {&op_dot, "dot"}, {&op_sum, "sum"}, {&op_leaf, "leaf"}, {&op_constant, "constant"}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!(*wanted[i].to = PyObject_GetAttrString(ops, wanted[i].name))) return NULL;
    for (int i = 0; KERNELS[i].name; i++)
        if (!(KERNELS[i].op = PyObject_GetAttrString(ops, KERNELS[i].name))) return NULL;
    node_slots[0].pfunc = (void *)PyBaseObject_Type.tp_hash;
    ValueType = (PyTypeObject *)PyType_FromSpecWithBases(&node_spec, readable_value);
    if (!ValueType || !(py_construct = PyObject_GetAttrString((PyObject *)ValueType, "__call__"))) return NULL;
    ValueType->tp_vectorcall = node_called;
    return Py_NewRef((PyObject *)ValueType);
}

static PyObject *mod_watch(PyObject *mod, PyObject *on) { watching = PyObject_IsTrue(on); Py_RETURN_NONE; }

static PyMethodDef functions[] = {
    {"derive", mod_derive, METH_VARARGS, "The class Value, with its fields and operators in C."},
    {"watch", mod_watch, METH_O, "watch(True): every node is made by Value._apply."},
    {"backward", mod_backward, METH_O, "The sweep; False if it has to be Python's."},
    {"gradients", mod_gradients, METH_VARARGS, "Of a root w.r.t. a tuple of leaves, without a trace in any `.grad`; or None."},
    {"walk", mod_walk, METH_VARARGS, "graph.walk of a tuple of roots."},
    {"dot", mod_dot, METH_VARARGS, "value.dot, or None."},
    {"sum", mod_sum, METH_O, "value.total of a tuple, or None."},
    {"collect", mod_collect, METH_NOARGS, "Free gradients with a history that nobody can reach."},
    {"bind", mod_bind, METH_VARARGS, "Let a Value's data and grad be numbers at two addresses."},
    {"release", mod_release, METH_O, "Make a bound Value an ordinary one."},
    {"owner", mod_owner, METH_O, "Who owns the memory of a bound Value; None of an ordinary one."},
    {NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_node", "The engine's node in C: see _node.c.", -1, functions};

PyMODINIT_FUNC PyInit__node(void)
{
    PyObject *m = PyModule_Create(&module);
    if (!m || PyModule_AddIntConstant(m, "BYTES", sizeof(Node)) < 0) return NULL;
    return (str_empty = PyUnicode_InternFromString("")) ? m : NULL;
}
