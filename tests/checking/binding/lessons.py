"""Hand-written backprops in the styles of tutorials, courses and books, each written anew, with a slip to make in each.

`LESSONS` maps a style to its code and the slip: a line of it, and what a learner might write instead.
"""

LESSONS: dict[str, tuple[str, tuple[str, str]]] = {}


def lesson(name, slip, code):
    LESSONS[name] = code.lstrip("\n"), slip


HEAD = "import numpy as np\n"

lesson(
    "functions, output as an argument, updates returned",
    ("* (a > 0)", "* (X > 0)"),
    HEAD
    + """
def relu(v):
    return np.maximum(0, v)

def forward_pass(X, w1, w2, b1, b2):
    a = relu(X.dot(w1) + b1)
    return a.dot(w2) + b2

def mse(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)

def backprop(X, y, y_pred, w1, w2, b1, b2, learning_rate):
    a = relu(X.dot(w1) + b1)
    d = 2 * (y_pred - y) / y.size
    da = d.dot(w2.T) * (a > 0)
    w2 -= learning_rate * a.T.dot(d)
    b2 -= learning_rate * d.sum(axis=0)
    w1 -= learning_rate * X.T.dot(da)
    b1 -= learning_rate * da.sum(axis=0)
    return w1, w2, b1, b2
""",
)

lesson(
    "course style: parameters and cache as dicts, columns, 1/m",
    ("dW2 = dZ2 @ cache['A1'].T / m", "dW2 = dZ2 @ cache['A1'].T"),
    HEAD
    + """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def initialize_parameters(n_x, n_h, n_y):
    np.random.seed(2)
    return {"W1": np.random.randn(n_h, n_x) * 0.5, "b1": np.zeros((n_h, 1)),
            "W2": np.random.randn(n_y, n_h) * 0.5, "b2": np.zeros((n_y, 1))}

def forward_propagation(X, parameters):
    Z1 = parameters["W1"] @ X + parameters["b1"]
    A1 = np.tanh(Z1)
    Z2 = parameters["W2"] @ A1 + parameters["b2"]
    A2 = sigmoid(Z2)
    cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}
    return A2, cache

def compute_cost(A2, Y):
    m = Y.shape[1]
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m

def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    dZ2 = cache["A2"] - Y
    dW2 = dZ2 @ cache['A1'].T / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = parameters["W2"].T @ dZ2 * (1 - cache["A1"] ** 2)
    dW1 = dZ1 @ X.T / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
""",
)

lesson(
    "class with weights made in the constructor, gradients in attributes",
    ("self.dW1 = X.T @ dz", "self.dW1 = X.T @ da"),
    HEAD
    + """
class TwoLayerNet:
    def __init__(self, n_in, n_hidden, n_out):
        rng = np.random.default_rng(1)
        self.W1 = rng.normal(size=(n_in, n_hidden))
        self.b1 = np.zeros(n_hidden)
        self.W2 = rng.normal(size=(n_hidden, n_out))
        self.b2 = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.a = np.tanh(X @ self.W1 + self.b1)
        self.out = self.a @ self.W2 + self.b2
        return self.out

    def loss(self, out, y):
        return 0.5 * np.sum((out - y) ** 2)

    def backward(self, y):
        X = self.X
        d = self.out - y
        self.dW2 = self.a.T @ d
        self.db2 = d.sum(axis=0)
        da = d @ self.W2.T
        dz = da * (1 - self.a ** 2)
        self.dW1 = X.T @ dz
        self.db1 = dz.sum(axis=0)
""",
)

lesson(
    "class with forward, backward(X, y, out) that updates, and train",
    ("self.W2 += self.lr * self.z2.T.dot(d_out)", "self.W2 += self.lr * self.z1.T.dot(d_out)"),
    HEAD
    + """
class NeuralNetwork:
    def __init__(self):
        self.input_size, self.hidden_size, self.output_size = 3, 3, 1
        np.random.seed(0)
        self.lr = 0.5
        self.W1 = np.random.randn(self.input_size, self.hidden_size)
        self.W2 = np.random.randn(self.hidden_size, self.output_size)

    def sigmoid(self, s, deriv=False):
        if deriv:
            return s * (1 - s)
        return 1 / (1 + np.exp(-s))

    def forward(self, X):
        self.z1 = np.dot(X, self.W1)
        self.z2 = self.sigmoid(self.z1)
        return self.sigmoid(np.dot(self.z2, self.W2))

    def cost(self, y, out):
        return 0.5 * np.sum((y - out) ** 2)

    def backward(self, X, y, out):
        d_out = (y - out) * self.sigmoid(out, deriv=True)
        d_hidden = d_out.dot(self.W2.T) * self.sigmoid(self.z2, deriv=True)
        self.W2 += self.lr * self.z2.T.dot(d_out)
        self.W1 += self.lr * X.T.dot(d_hidden)

    def train(self, X, y):
        for _ in range(100000):
            self.backward(X, y, self.forward(X))

X = np.array([[2, 9, 1], [1, 5, 0], [3, 6, 1.0]])
y = np.array([[0.92], [0.86], [0.89]])
X = X / X.max(axis=0)
nn = NeuralNetwork()
nn.train(X, y)
""",
)

lesson(
    "class whose constructor takes the data, no loss written down",
    ("sigmoid_derivative(self.layer1))", "sigmoid_derivative(self.output))"),
    HEAD
    + """
def sigmoid(x):
    return 1.0 / (1 + np.exp(-x))

def sigmoid_derivative(x):
    return x * (1.0 - x)

class Net:
    def __init__(self, x, y):
        np.random.seed(4)
        self.input = x
        self.weights1 = np.random.rand(self.input.shape[1], 4)
        self.weights2 = np.random.rand(4, 1)
        self.y = y
        self.output = np.zeros(self.y.shape)

    def feedforward(self):
        self.layer1 = sigmoid(np.dot(self.input, self.weights1))
        self.output = sigmoid(np.dot(self.layer1, self.weights2))
        return self.output

    def backprop(self):
        delta = 2 * (self.y - self.output) * sigmoid_derivative(self.output)
        d_weights2 = np.dot(self.layer1.T, delta)
        d_weights1 = np.dot(self.input.T, np.dot(delta, self.weights2.T) * sigmoid_derivative(self.layer1))
        self.weights1 += d_weights1
        self.weights2 += d_weights2
""",
)

lesson(
    "eleven lines at the top level, no loss, weights added to",
    ("l1_delta = l1_error * (l1 * (1 - l1))", "l1_delta = l1_error * l1"),
    HEAD
    + """
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T
np.random.seed(1)
syn0 = 2 * np.random.random((3, 4)) - 1
syn1 = 2 * np.random.random((4, 1)) - 1
for j in range(60000):
    l1 = 1 / (1 + np.exp(-np.dot(X, syn0)))
    l2 = 1 / (1 + np.exp(-np.dot(l1, syn1)))
    l2_error = y - l2
    if j % 10000 == 0:
        print("Error:", np.mean(np.abs(l2_error)))
    l2_delta = l2_error * (l2 * (1 - l2))
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * (l1 * (1 - l1))
    syn1 += l1.T.dot(l2_delta)
    syn0 += X.T.dot(l1_delta)
""",
)

lesson(
    "the framework's warm-up: a script with a loss in its loop",
    ("grad_h[h < 0] = 0", "grad_h[grad_y_pred @ w2.T < 0] = 0"),
    HEAD
    + """
N, D_in, H, D_out = 8, 5, 6, 3
rng = np.random.default_rng(0)
x = rng.normal(size=(N, D_in))
y = rng.normal(size=(N, D_out))
w1 = rng.normal(size=(D_in, H))
w2 = rng.normal(size=(H, D_out))
learning_rate = 1e-3
for t in range(500):
    h = x.dot(w1)
    h_relu = np.maximum(h, 0)
    y_pred = h_relu.dot(w2)
    loss = np.square(y_pred - y).sum()
    print(t, loss)
    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h_relu.T.dot(grad_y_pred)
    grad_h_relu = grad_y_pred.dot(w2.T)
    grad_h = grad_h_relu.copy()
    grad_h[h < 0] = 0
    grad_w1 = x.T.dot(grad_h)
    w1 -= learning_rate * grad_w1
    w2 -= learning_rate * grad_w2
""",
)

lesson(
    "fitting a sine with a polynomial, numbers as parameters",
    ("grad_c = (grad * x ** 2).sum()", "grad_c = (grad * x).sum()"),
    """
import numpy as np
import math

x = np.linspace(-1.5, 1.5, 20)
y = np.sin(x)
a = 0.3
b = -0.2
c = 0.1
learning_rate = 1e-3
for t in range(2000):
    y_pred = a + b * x + c * x ** 2
    loss = np.square(y_pred - y).sum()
    if t % 100 == 99:
        print(t, loss)
    grad = 2.0 * (y_pred - y)
    grad_a = grad.sum()
    grad_b = (grad * x).sum()
    grad_c = (grad * x ** 2).sum()
    a -= learning_rate * grad_a
    b -= learning_rate * grad_b
    c -= learning_rate * grad_c
print(f"Result: y = {a} + {b} x + {c} x^2")
""",
)

lesson(
    "linear regression with compute_cost and compute_gradient",
    ("dj_db = dj_db + err", "dj_db = err"),
    HEAD
    + """
import matplotlib.pyplot as plt

x_train = np.array([1.0, 2.0, 3.5])
y_train = np.array([300.0, 500.0, 650.0])

def compute_cost(x, y, w, b):
    m = x.shape[0]
    cost_sum = 0
    for i in range(m):
        f_wb = w * x[i] + b
        cost_sum = cost_sum + (f_wb - y[i]) ** 2
    return 1 / (2 * m) * cost_sum

def compute_gradient(x, y, w, b):
    m = x.shape[0]
    dj_dw = 0
    dj_db = 0
    for i in range(m):
        err = w * x[i] + b - y[i]
        dj_dw = dj_dw + err * x[i]
        dj_db = dj_db + err
    return dj_dw / m, dj_db / m

def gradient_descent(x, y, w, b, alpha, steps):
    for _ in range(steps):
        dj_dw, dj_db = compute_gradient(x, y, w, b)
        w, b = w - alpha * dj_dw, b - alpha * dj_db
    return w, b

w, b = gradient_descent(x_train, y_train, 0.0, 0.0, 1e-2, 10000)
plt.scatter(x_train, y_train)
plt.show()
""",
)

lesson(
    "logistic regression: propagate gives grads and cost",
    ("dw = np.dot(X, (A - Y).T) / m", "dw = np.dot(X, (A - Y).T)"),
    HEAD
    + """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def compute_loss(w, b, X, Y):
    A = sigmoid(np.dot(w.T, X) + b)
    return -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))

def gradients(w, b, X, Y):
    m = X.shape[1]
    A = sigmoid(np.dot(w.T, X) + b)
    dw = np.dot(X, (A - Y).T) / m
    db = np.sum(A - Y) / m
    return dw, db

w = np.array([[0.3], [-0.2]])
b = 0.1
X = np.array([[1.0, -2.0, 0.5], [0.3, 1.0, 2.0]])
Y = np.array([[1, 0, 1]])
""",
)

lesson(
    "softmax classifier: loss and gradient functions, labels",
    ("dscores[np.arange(len(y)), y] -= 1", "dscores[np.arange(len(y)), y] -= 2"),
    HEAD
    + """
def softmax_loss(W, b, X, y):
    scores = X @ W + b
    scores = scores - scores.max(axis=1, keepdims=True)
    logp = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -logp[np.arange(len(y)), y].mean()

def softmax_gradients(W, b, X, y):
    scores = X @ W + b
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    dscores = e / e.sum(axis=1, keepdims=True)
    dscores[np.arange(len(y)), y] -= 1
    dscores /= len(y)
    return {"dW": X.T @ dscores, "db": dscores.sum(axis=0)}
""",
)

lesson(
    "svm with a regulariser, loss and gradient apart",
    ("dW = X.T @ margin_grad + 2 * reg * W", "dW = X.T @ margin_grad + reg * W"),
    HEAD
    + """
def svm_loss(W, X, y, reg=0.1):
    margins = np.maximum(0, 1 - y * (X @ W))
    return margins.mean() + reg * np.sum(W ** 2)

def svm_grad(W, X, y, reg=0.1):
    margin_grad = np.where(1 - y * (X @ W) > 0, -y, 0.0) / y.size
    dW = X.T @ margin_grad + 2 * reg * W
    return dW
""",
)

lesson(
    "layer functions: affine_forward and affine_backward",
    ("db = dout.sum(axis=0)", "db = dout.mean(axis=0)"),
    HEAD
    + """
def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1) @ w + b
    cache = (x, w, b)
    return out, cache

def affine_backward(dout, cache):
    x, w, b = cache
    dx = (dout @ w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db
""",
)

lesson(
    "layer functions: relu",
    ("dx = dout * (cache > 0)", "dx = dout * cache"),
    HEAD
    + """
def relu_forward(x):
    out = np.maximum(0, x)
    cache = x
    return out, cache

def relu_backward(dout, cache):
    dx = dout * (cache > 0)
    return dx
""",
)

lesson(
    "layer functions: batch normalisation",
    ("dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) * inv", "dx = dxhat * inv"),
    HEAD
    + """
def batchnorm_forward(x, gamma, beta):
    mu = x.mean(axis=0)
    var = ((x - mu) ** 2).mean(axis=0)
    inv = 1.0 / np.sqrt(var + 1e-5)
    xhat = (x - mu) * inv
    return gamma * xhat + beta, (xhat, inv, gamma)

def batchnorm_backward(dout, cache):
    xhat, inv, gamma = cache
    dxhat = dout * gamma
    dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) * inv
    dgamma = (dout * xhat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    return dx, dgamma, dbeta
""",
)

lesson(
    "layer objects of a book: Affine, Sigmoid, Relu",
    ("self.dW = np.dot(self.x.T, dout)", "self.dW = np.dot(self.x.T, dout) / len(dout)"),
    HEAD
    + """
class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        return np.where(self.mask, 0.0, x) if x.dtype != object else np.maximum(x, 0)

    def backward(self, dout):
        dout = dout.copy()
        dout[self.mask] = 0
        return dout

class Sigmoid:
    def __init__(self):
        self.out = None

    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out) * self.out

class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx
""",
)

lesson(
    "layer object with the loss in it: SoftmaxWithLoss",
    ("dx = (self.p - self.t) * dout / len(self.t)", "dx = (self.p - self.t) * dout"),
    HEAD
    + """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        self.p = e / np.sum(e, axis=-1, keepdims=True)
        return -np.sum(t * np.log(self.p)) / len(t)

    def backward(self, dout=1):
        dx = (self.p - self.t) * dout / len(self.t)
        return dx
""",
)

lesson(
    "a dense layer class with sizes, gradients by name",
    ("self.grad_weights = self.inputs.T @ grad_output", "self.grad_weights = self.inputs.T @ grad_output * 2"),
    HEAD
    + """
class Dense:
    def __init__(self, input_units, output_units):
        rng = np.random.default_rng(0)
        self.weights = rng.normal(size=(input_units, output_units))
        self.biases = np.zeros(output_units)

    def forward(self, input):
        self.inputs = input
        return input @ self.weights + self.biases

    def backward(self, grad_output):
        self.grad_weights = self.inputs.T @ grad_output
        self.grad_biases = grad_output.sum(axis=0)
        return grad_output @ self.weights.T
""",
)

lesson(
    "lists of weights and biases, gradients as two lists",
    ("delta = (self.weights[1].T @ delta) * sp", "delta = self.weights[1].T @ delta"),
    HEAD
    + """
def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

class Network:
    def __init__(self, sizes):
        rng = np.random.default_rng(3)
        self.sizes = sizes
        self.biases = [rng.normal(size=(n, 1)) for n in sizes[1:]]
        self.weights = [rng.normal(size=(n, m)) for m, n in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(w @ a + b)
        return a

    def cost(self, output, y):
        return 0.5 * np.sum((output - y) ** 2)

    def backprop(self, x, y):
        activations, zs = [x], []
        a = x
        for b, w in zip(self.biases, self.weights):
            z = w @ a + b
            zs.append(z)
            a = sigmoid(z)
            activations.append(a)
        nabla_b, nabla_w = [None, None], [None, None]
        delta = (activations[2] - y) * activations[2] * (1 - activations[2])
        nabla_b[1] = delta.sum(axis=1, keepdims=True)
        nabla_w[1] = delta @ activations[1].T
        sp = activations[1] * (1 - activations[1])
        delta = (self.weights[1].T @ delta) * sp
        nabla_b[0] = delta.sum(axis=1, keepdims=True)
        nabla_w[0] = delta @ activations[0].T
        return nabla_b, nabla_w
""",
)

lesson(
    "globals all the way, with a global statement",
    ("dW = X.T @ e * 2 / len(X)", "dW = X.T @ e / len(X)"),
    HEAD
    + """
X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]])
y = np.array([[1.0], [0.0], [2.0]])
W = np.array([[0.1], [0.2]])
b = np.array([0.3])

def forward():
    return X @ W + b

def loss():
    return np.mean((forward() - y) ** 2)

def backward():
    e = forward() - y
    dW = X.T @ e * 2 / len(X)
    db = 2 * e.mean(axis=0)
    return dW, db
""",
)

lesson(
    "one neuron by hand, numbers only",
    ("dw = dz * x", "dw = dz"),
    """
import math
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def forward(x, w, b):
    z = w * x + b
    a = sigmoid(z)
    return z, a

def loss(a, y):
    return 0.5 * (a - y) ** 2

def backward(x, y, z, a):
    da = a - y
    dz = da * a * (1 - a)
    dw = dz * x
    db = dz
    return dw, db
""",
)

lesson(
    "returns a tuple of everything, named outputs used by name",
    ("dZ1 = dA1 * (Z1 > 0)", "dZ1 = dA1 * (A1 > 0.5)"),
    HEAD
    + """
def forward_prop(W1, b1, W2, b2, X):
    Z1 = X @ W1 + b1
    A1 = np.maximum(Z1, 0)
    Z2 = A1 @ W2 + b2
    A2 = Z2
    return Z1, A1, Z2, A2

def get_loss(A2, Y):
    return np.mean((A2 - Y) ** 2)

def back_prop(Z1, A1, Z2, A2, W1, W2, X, Y):
    dZ2 = 2 * (A2 - Y) / Y.size
    dW2 = A1.T @ dZ2
    db2 = dZ2.sum(axis=0)
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 * (Z1 > 0)
    dW1 = X.T @ dZ1
    db1 = dZ1.sum(axis=0)
    return dW1, db1, dW2, db2
""",
)

lesson(
    "digits from scratch: one-hot inside, columns, 1/m",
    ("dZ2 = A2 - one_hot_Y", "dZ2 = A2 - 2 * one_hot_Y"),
    HEAD
    + """
def softmax(Z):
    e = np.exp(Z - Z.max(axis=0))
    return e / e.sum(axis=0)

def init_params():
    rng = np.random.default_rng(0)
    W1 = rng.normal(size=(4, 3))
    b1 = rng.normal(size=(4, 1))
    W2 = rng.normal(size=(2, 4))
    b2 = rng.normal(size=(2, 1))
    return W1, b1, W2, b2

def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2.dot(A1) + b2
    A2 = softmax(Z2)
    return Z1, A1, Z2, A2

def cross_entropy(A2, one_hot_Y):
    return -np.sum(one_hot_Y * np.log(A2)) / one_hot_Y.shape[1]

def backward_prop(Z1, A1, Z2, A2, W1, W2, X, one_hot_Y):
    m = one_hot_Y.shape[1]
    dZ2 = A2 - one_hot_Y
    dW2 = 1 / m * dZ2.dot(A1.T)
    db2 = 1 / m * dZ2.sum(axis=1, keepdims=True)
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    dW1 = 1 / m * dZ1.dot(X.T)
    db1 = 1 / m * dZ1.sum(axis=1, keepdims=True)
    return dW1, db1, dW2, db2

def update_params(W1, b1, W2, b2, dW1, db1, dW2, db2, alpha):
    return W1 - alpha * dW1, b1 - alpha * db1, W2 - alpha * dW2, b2 - alpha * db2
""",
)

lesson(
    "loss_and_grads in one function",
    ("grads['W'] = X.T @ d", "grads['W'] = -X.T @ d"),
    HEAD
    + """
def loss(W, b, X, y):
    return loss_and_grads(W, b, X, y)[0]

def loss_and_grads(W, b, X, y):
    e = X @ W + b - y
    value = (e ** 2).mean()
    d = 2 * e / e.size
    grads = {}
    grads['W'] = X.T @ d
    grads['b'] = d.sum(axis=0)
    return value, grads
""",
)

lesson(
    "lambdas and short names",
    (
        "bp = lambda w, b, x, y: (2 * (w * x + b - y) * x, 2 * (w * x + b - y))",
        "bp = lambda w, b, x, y: (2 * (w * x + b - y), 2 * (w * x + b - y) * x)",
    ),
    """
f = lambda w, b, x: w * x + b
loss = lambda w, b, x, y: (f(w, b, x) - y) ** 2
bp = lambda w, b, x, y: (2 * (w * x + b - y) * x, 2 * (w * x + b - y))
backprop = bp
""",
)

lesson(
    "a network class with params and grads dicts",
    ("self.grads['W1'] = X.T @ dh", "self.grads['W1'] = X.T @ dh * 0.5"),
    HEAD
    + """
class FullyConnectedNet:
    def __init__(self, input_dim=3, hidden_dim=4, num_classes=2, seed=0):
        rng = np.random.default_rng(seed)
        self.params = {"W1": rng.normal(size=(input_dim, hidden_dim)), "b1": np.zeros(hidden_dim),
                       "W2": rng.normal(size=(hidden_dim, num_classes)), "b2": np.zeros(num_classes)}
        self.grads = {}

    def forward(self, X):
        p = self.params
        self.X = X
        self.h = np.maximum(0, X @ p["W1"] + p["b1"])
        self.scores = self.h @ p["W2"] + p["b2"]
        return self.scores

    def loss(self, scores, y):
        return np.mean((scores - y) ** 2)

    def backward(self, y):
        X = self.X
        d = 2 * (self.scores - y) / y.size
        self.grads['W2'] = self.h.T @ d
        self.grads['b2'] = d.sum(axis=0)
        dh = d @ self.params["W2"].T * (self.h > 0)
        self.grads['W1'] = X.T @ dh
        self.grads['b1'] = dh.sum(axis=0)
""",
)

lesson(
    "train_step returns updated weights, rate as a default",
    ("dW = X.T @ d", "dW = X.T @ (d ** 2)"),
    HEAD
    + """
def predict(X, W, b):
    return X @ W + b

def loss_fn(y_hat, y):
    return ((y_hat - y) ** 2).sum()

def train_step(X, y, W, b, lr=0.01):
    d = 2 * (predict(X, W, b) - y)
    dW = X.T @ d
    db = d.sum(axis=0)
    W = W - lr * dW
    b = b - lr * db
    return W, b
""",
)

lesson(
    "a recurrent net over steps, parameters as arguments",
    ("dWh += np.outer(hs[t - 1], dz)", "dWh += np.outer(hs[t], dz)"),
    HEAD
    + """
def forward(X, Wx, Wh, b):
    hs = {-1: np.zeros(3)}
    for t in range(len(X)):
        hs[t] = np.tanh(X[t] @ Wx + hs[t - 1] @ Wh + b)
    return hs

def loss(X, y, Wx, Wh, b):
    hs = forward(X, Wx, Wh, b)
    total = 0.0
    for t in range(len(X)):
        total = total + ((hs[t] - y[t]) ** 2).sum()
    return total

def bptt(X, y, Wx, Wh, b):
    pass

def backward_through_time(X, y, Wx, Wh, b):
    hs = forward(X, Wx, Wh, b)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dnext = np.zeros(3)
    for t in reversed(range(len(X))):
        dz = (2 * (hs[t] - y[t]) + dnext) * (1 - hs[t] ** 2)
        dWx += np.outer(X[t], dz)
        dWh += np.outer(hs[t - 1], dz)
        db += dz
        dnext = Wh @ dz
    return dWx, dWh, db

rng = np.random.default_rng(0)
X = rng.normal(size=(4, 2))
y = rng.normal(size=(4, 3))
Wx = rng.normal(size=(2, 3))
Wh = rng.normal(size=(3, 3))
b = rng.normal(size=3)
""",
)

lesson(
    "if name is main, with prints, plots and training",
    ("grad_w = 2 * X.T @ (X @ w - y) / len(y)", "grad_w = 2 * X.T @ (X @ w - y)"),
    HEAD
    + """
import matplotlib.pyplot as plt

def cost(X, y, w):
    return np.mean((X @ w - y) ** 2)

def gradient(X, y, w):
    grad_w = 2 * X.T @ (X @ w - y) / len(y)
    return grad_w

def train(X, y, epochs=1000000):
    w = np.zeros(X.shape[1])
    for _ in range(epochs):
        w -= 0.01 * gradient(X, y, w)
        print(cost(X, y, w))
    return w

if __name__ == "__main__":
    np.random.seed(0)
    X = np.random.randn(20, 2)
    y = X @ np.array([1.0, -2.0])
    w = train(X, y)
    plt.plot(w)
    plt.show()
""",
)

lesson(
    "dropout with a mask kept from the forward pass",
    ("dh = d @ self.W2.T * self.mask", "dh = d @ self.W2.T"),
    HEAD
    + """
class DropoutNet:
    def __init__(self, n_in, n_h, n_out):
        self.rng = np.random.default_rng(0)
        self.W1 = self.rng.normal(size=(n_in, n_h))
        self.W2 = self.rng.normal(size=(n_h, n_out))

    def forward(self, X):
        self.X = X
        self.h = np.tanh(X @ self.W1)
        self.mask = (self.rng.random(self.h.shape) < 0.5) / 0.5
        self.out = (self.h * self.mask) @ self.W2
        return self.out

    def loss(self, out, y):
        return ((out - y) ** 2).mean()

    def backward(self, y):
        d = 2 * (self.out - y) / y.size
        dh = d @ self.W2.T * self.mask
        dW1 = self.X.T @ (dh * (1 - self.h ** 2))
        dW2 = (self.h * self.mask).T @ d
        return dW1, dW2
""",
)

lesson(
    "torch autograd.Function",
    ("return grad_output * 3 * x ** 2", "return grad_output * 3 * x"),
    """
import torch

class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3

    @staticmethod
    def backward(ctx, grad_output):
        x, = ctx.saved_tensors
        return grad_output * 3 * x ** 2
""",
)

lesson(
    "jax custom_vjp",
    ("return (g * jnp.cos(x),)", "return (g * jnp.sin(x),)"),
    """
import jax
import jax.numpy as jnp

@jax.custom_vjp
def my_sin(x):
    return jnp.sin(x)

def my_sin_fwd(x):
    return my_sin(x), x

def my_sin_bwd(x, g):
    return (g * jnp.cos(x),)

my_sin.defvjp(my_sin_fwd, my_sin_bwd)
""",
)

lesson(
    "xor with hidden and output names, bias rows, a loop",
    (
        "output_weights += hidden_layer_output.T.dot(d_predicted_output) * lr",
        "output_weights += hidden_layer_output.T.dot(error) * lr",
    ),
    HEAD
    + """
def sigmoid(x):
    return 1 / (1 + np.exp(-x))

inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
expected_output = np.array([[0], [1], [1], [0]])
lr = 0.1
np.random.seed(5)
hidden_weights = np.random.uniform(size=(2, 3))
hidden_bias = np.random.uniform(size=(1, 3))
output_weights = np.random.uniform(size=(3, 1))
output_bias = np.random.uniform(size=(1, 1))

for _ in range(10000):
    hidden_layer_output = sigmoid(np.dot(inputs, hidden_weights) + hidden_bias)
    predicted_output = sigmoid(np.dot(hidden_layer_output, output_weights) + output_bias)
    error = expected_output - predicted_output
    d_predicted_output = error * predicted_output * (1 - predicted_output)
    error_hidden = d_predicted_output.dot(output_weights.T)
    d_hidden = error_hidden * hidden_layer_output * (1 - hidden_layer_output)
    output_weights += hidden_layer_output.T.dot(d_predicted_output) * lr
    output_bias += np.sum(d_predicted_output, axis=0, keepdims=True) * lr
    hidden_weights += inputs.T.dot(d_hidden) * lr
    hidden_bias += np.sum(d_hidden, axis=0, keepdims=True) * lr
print(predicted_output)
""",
)

lesson(
    "embedding table with np.add.at",
    ("np.add.at(dE, ids, dh)", "dE[ids] += dh"),
    HEAD
    + """
E = np.random.default_rng(0).normal(size=(6, 3))
W = np.random.default_rng(1).normal(size=(3, 2))
inputs = np.array([0, 2, 5])
targets = np.random.default_rng(2).normal(size=(3, 2))

def loss(E, W, inputs, targets):
    return ((E[inputs] @ W - targets) ** 2).mean()

def backward(E, W, inputs, targets):
    ids = inputs
    d = 2 * (E[ids] @ W - targets) / targets.size
    dW = E[ids].T @ d
    dh = d @ W.T
    dE = np.zeros_like(E)
    np.add.at(dE, ids, dh)
    return dE, dW
""",
)

lesson(
    "step with momentum left out, parameters in a list",
    ("gW = x.T @ e", "gW = x.T @ e + 1"),
    HEAD
    + """
def model(params, x):
    return x @ params["W"] + params["b"]

def objective(params, x, y):
    return 0.5 * np.sum((model(params, x) - y) ** 2)

def grad_objective(params, x, y):
    e = model(params, x) - y
    gW = x.T @ e
    gb = e.sum(axis=0)
    return {"W": gW, "b": gb}
""",
)

lesson(
    "query and train, as in a book on one's own network",
    (
        "self.wih += self.lr * np.dot(hidden_errors * hidden_outputs * (1.0 - hidden_outputs), inputs.T)",
        "self.wih += self.lr * np.dot(hidden_errors, inputs.T)",
    ),
    HEAD
    + """
class neuralNetwork:
    def __init__(self, inputnodes, hiddennodes, outputnodes, learningrate):
        rng = np.random.default_rng(0)
        self.wih = rng.normal(size=(hiddennodes, inputnodes))
        self.who = rng.normal(size=(outputnodes, hiddennodes))
        self.lr = learningrate

    def predict(self, inputs):
        hidden_outputs = 1 / (1 + np.exp(-np.dot(self.wih, inputs)))
        return 1 / (1 + np.exp(-np.dot(self.who, hidden_outputs)))

    def update(self, inputs, targets):
        hidden_outputs = 1 / (1 + np.exp(-np.dot(self.wih, inputs)))
        final_outputs = 1 / (1 + np.exp(-np.dot(self.who, hidden_outputs)))
        output_errors = targets - final_outputs
        hidden_errors = np.dot(self.who.T, output_errors * final_outputs * (1.0 - final_outputs))
        self.who += self.lr * np.dot(output_errors * final_outputs * (1.0 - final_outputs), hidden_outputs.T)
        self.wih += self.lr * np.dot(hidden_errors * hidden_outputs * (1.0 - hidden_outputs), inputs.T)
""",
)

lesson(
    "decorated and typed, with docstrings",
    ("d_weights = inputs.T @ d_logits", "d_weights = inputs.T @ np.abs(d_logits)"),
    """
from __future__ import annotations

import functools
import numpy as np

def traced(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner

@traced
def forward(inputs: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    \"\"\"The logits.\"\"\"
    return inputs @ weights + bias

@traced
def cross_entropy_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    \"\"\"Labels are one-hot rows.\"\"\"
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -(labels * np.log(p)).sum() / len(labels)

@traced
def backward(inputs: np.ndarray, logits: np.ndarray, labels: np.ndarray):
    \"\"\"The gradients of weights and bias.\"\"\"
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    d_logits = (p - labels) / len(labels)
    d_weights = inputs.T @ d_logits
    d_bias = d_logits.sum(axis=0)
    return d_weights, d_bias
""",
)

lesson(
    "without NumPy: lists and loops",
    ("gw[j] += 2 * e * xi[j] / len(xs)", "gw[j] = 2 * e * xi[j] / len(xs)"),
    """
xs = [[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]]
ys = [1.0, 0.0, 3.0]
w = [0.2, 0.4]
b = 0.1

def predict(w, b, x):
    return sum(wi * xi for wi, xi in zip(w, x)) + b

def loss(w, b, xs, ys):
    return sum((predict(w, b, x) - y) ** 2 for x, y in zip(xs, ys)) / len(xs)

def gradients(w, b, xs, ys):
    gw = [0.0] * len(w)
    gb = 0.0
    for xi, y in zip(xs, ys):
        e = predict(w, b, xi) - y
        for j in range(len(w)):
            gw[j] += 2 * e * xi[j] / len(xs)
        gb += 2 * e / len(xs)
    return gw, gb
""",
)

lesson(
    "three layers, leaky relu, named theta",
    ("d1 = (d2 @ theta2.T) * np.where(z1 > 0, 1.0, 0.1)", "d1 = (d2 @ theta2.T) * np.where(z1 > 0, 1.0, 0.0)"),
    HEAD
    + """
def leaky(z):
    return np.maximum(z, 0.1 * z)

def forward_propagate(x, theta1, theta2, theta3):
    z1 = x @ theta1
    a1 = leaky(z1)
    z2 = a1 @ theta2
    a2 = np.tanh(z2)
    y_hat = a2 @ theta3
    return y_hat, (z1, a1, a2)

def error_function(y_hat, y):
    return ((y_hat - y) ** 2).sum() / 2

def back_propagate(x, y, y_hat, cache, theta1, theta2, theta3):
    z1, a1, a2 = cache
    d3 = y_hat - y
    grad_theta3 = a2.T @ d3
    d2 = (d3 @ theta3.T) * (1 - a2 ** 2)
    grad_theta2 = a1.T @ d2
    d1 = (d2 @ theta2.T) * np.where(z1 > 0, 1.0, 0.1)
    grad_theta1 = x.T @ d1
    return grad_theta1, grad_theta2, grad_theta3
""",
)

lesson(
    "binary classifier with updates of a dict in place",
    ("params['W'] -= lr * (X.T @ d)", "params['W'] -= lr * (X.T @ np.sign(d))"),
    HEAD
    + """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

params = {"W": np.array([[0.1], [-0.4]]), "b": np.array([0.2])}
lr = 0.05

def forward(X, params):
    return sigmoid(X @ params["W"] + params["b"])

def bce(y_hat, y):
    return -np.mean(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat))

def backward(X, y, y_hat, params, lr):
    d = (y_hat - y) / len(y)
    params['W'] -= lr * (X.T @ d)
    params['b'] -= lr * d.sum(axis=0)
""",
)

lesson(
    "a convolution over a signal, written with loops",
    ("dkernel[j] += dz[i] * x[i + j]", "dkernel[j] += dz[i] * x[i]"),
    HEAD
    + """
x = np.random.default_rng(0).normal(size=9)
y = np.random.default_rng(1).normal(size=7)
kernel = np.array([0.5, -1.0, 0.25])
bias = 0.1

def forward(x, kernel, bias):
    out = np.array([(x[i : i + 3] * kernel).sum() + bias for i in range(len(x) - 2)])
    return out

def loss(out, y):
    return ((out - y) ** 2).sum()

def backward(x, y, out, kernel, bias):
    dz = 2 * (out - y)
    dkernel = np.zeros_like(kernel)
    for i in range(len(dz)):
        for j in range(3):
            dkernel[j] += dz[i] * x[i + j]
    dbias = dz.sum()
    return dkernel, dbias
""",
)

lesson(
    "object with fit that loops, gradients from _gradients",
    ("return X.T @ e / n + self.alpha * self.coef", "return X.T @ e / n + 2 * self.alpha * self.coef"),
    HEAD
    + """
class Ridge:
    def __init__(self, n_features):
        self.alpha = 0.3
        self.coef = np.linspace(-1.0, 1.0, n_features)

    def predict(self, X):
        return X @ self.coef

    def loss(self, X, y):
        return 0.5 * np.mean((self.predict(X) - y) ** 2) + 0.5 * self.alpha * (self.coef ** 2).sum()

    def gradient(self, X, y):
        n = len(y)
        e = self.predict(X) - y
        return X.T @ e / n + self.alpha * self.coef

    def fit(self, X, y):
        for _ in range(1000000):
            self.coef -= 0.01 * self.gradient(X, y)
""",
)
