"""More hand-written backprops, in styles unlike those of `lessons.py`: nested containers, layers in lists, clipping,
momentum, scripts, generators. They stand in the same table, each with a slip to make in it."""

from tests.checking.binding.lessons import HEAD, lesson

lesson(
    "globals: a model dict, a loss of the model, training with everything in it",
    ("dhidden = dscores.dot(model['W2'].T) * (1 - np.power(a1, 2))", "dhidden = dscores.dot(model['W2'].T)"),
    HEAD
    + """
rng = np.random.RandomState(1)
X = rng.randn(20, 2)
y = (X[:, 0] * X[:, 1] > 0).astype(int)
num_examples = len(X)
nn_hdim = 3
reg_lambda = 0.01
epsilon = 0.01

def make_model():
    return {'W1': rng.randn(2, nn_hdim), 'b1': np.zeros((1, nn_hdim)),
            'W2': rng.randn(nn_hdim, 2), 'b2': np.zeros((1, 2))}

model = make_model()

def scores(model):
    z1 = X.dot(model['W1']) + model['b1']
    a1 = np.tanh(z1)
    z2 = a1.dot(model['W2']) + model['b2']
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    return a1, e / e.sum(axis=1, keepdims=True)

def calculate_loss(model):
    a1, probs = scores(model)
    data_loss = -np.log(probs[range(num_examples), y]).sum()
    data_loss += reg_lambda / 2 * (np.square(model['W1']).sum() + np.square(model['W2']).sum())
    return data_loss / num_examples

def gradients(model):
    a1, probs = scores(model)
    dscores = probs.copy()
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW2 = a1.T.dot(dscores) + reg_lambda * model['W2'] / num_examples
    db2 = dscores.sum(axis=0, keepdims=True)
    dhidden = dscores.dot(model['W2'].T) * (1 - np.power(a1, 2))
    dW1 = X.T.dot(dhidden) + reg_lambda * model['W1'] / num_examples
    db1 = dhidden.sum(axis=0, keepdims=True)
    return {'W1': dW1, 'b1': db1, 'W2': dW2, 'b2': db2}

def build_model(num_passes=20000, print_loss=True):
    for i in range(num_passes):
        g = gradients(model)
        for k in model:
            model[k] -= epsilon * g[k]
        if print_loss and i % 1000 == 0:
            print('loss after iteration', i, calculate_loss(model))

build_model()
""",
)

lesson(
    "parameters in a dict of dicts, one for each layer",
    ("dz = da * z * (1 - z)", "dz = da * z"),
    HEAD
    + """
def sig(v):
    return 1.0 / (1.0 + np.exp(-v))

def init_params(n_in, n_hidden, n_out):
    r = np.random.default_rng(4)
    return {
        'hidden': {'W': r.normal(size=(n_in, n_hidden)), 'b': np.zeros(n_hidden)},
        'output': {'W': r.normal(size=(n_hidden, n_out)), 'b': np.zeros(n_out)},
    }

def forward(params, X):
    z = sig(X @ params['hidden']['W'] + params['hidden']['b'])
    return z, z @ params['output']['W'] + params['output']['b']

def loss(params, X, y):
    z, out = forward(params, X)
    return np.mean(np.sum((out - y) ** 2, axis=1))

def backward(params, X, y):
    z, out = forward(params, X)
    d = 2 * (out - y) / len(X)
    da = d @ params['output']['W'].T
    dz = da * z * (1 - z)
    return {
        'hidden': {'W': X.T @ dz, 'b': dz.sum(axis=0)},
        'output': {'W': z.T @ d, 'b': d.sum(axis=0)},
    }
""",
)

lesson(
    "a network object with a list of layer objects",
    ("self.dW = self.x.T @ grad", "self.dW = self.x.T @ grad / len(grad)"),
    HEAD
    + """
class Linear:
    def __init__(self, n_in, n_out, seed):
        r = np.random.default_rng(seed)
        self.W = r.normal(size=(n_in, n_out)) * 0.5
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, grad):
        return grad * (1 - self.y ** 2)


class Network:
    def __init__(self):
        self.layers = [Linear(3, 5, 0), Tanh(), Linear(5, 2, 1)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, x, y):
        return np.mean((self.forward(x) - y) ** 2)

    def backward(self, x, y):
        grad = 2 * (self.forward(x) - y) / y.size
        for layer in reversed(self.layers):
            grad = layer.backward(grad)

    def step(self, lr):
        for layer in self.layers:
            if isinstance(layer, Linear):
                layer.W -= lr * layer.dW
                layer.b -= lr * layer.db
""",
)

lesson(
    "a training script with prints, all at the top level, hidden layer and sums of squares",
    ("delta_h = delta_o @ W_out.T * hidden * (1 - hidden)", "delta_h = delta_o @ W_out.T * hidden"),
    HEAD
    + """
print("Training a small network")
np.random.seed(3)
inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
targets = np.array([[0], [1], [1], [0]], dtype=float)
W_hid = np.random.randn(2, 4)
W_out = np.random.randn(4, 1)
lr = 0.5
losses = []
for epoch in range(5000):
    hidden = 1 / (1 + np.exp(-(inputs @ W_hid)))
    out = hidden @ W_out
    error = out - targets
    loss = np.sum(error ** 2)
    losses.append(loss)
    if epoch % 500 == 0:
        print(f"epoch {epoch}: loss {loss:.4f}")
    delta_o = 2 * error
    delta_h = delta_o @ W_out.T * hidden * (1 - hidden)
    W_out = W_out - lr * hidden.T @ delta_o
    W_hid = W_hid - lr * inputs.T @ delta_h
print("done", losses[-1])
""",
)

lesson(
    "weights as a list of (W, b) tuples",
    ("delta = (delta @ params[i][0].T) * (activations[i] > 0)", "delta = delta @ params[i][0].T"),
    HEAD
    + """
def init_network(sizes, seed=0):
    r = np.random.default_rng(seed)
    return [(r.normal(size=(m, n)) * 0.7, r.normal(size=n) * 0.1) for m, n in zip(sizes[:-1], sizes[1:])]

def predict(params, x):
    activations = [x]
    for W, b in params[:-1]:
        activations.append(np.maximum(0.0, activations[-1] @ W + b))
    W, b = params[-1]
    return activations[-1] @ W + b, activations

def loss(params, x, y):
    out, _ = predict(params, x)
    return 0.5 * np.mean(np.sum((out - y) ** 2, axis=1))

def backprop(params, x, y):
    out, activations = predict(params, x)
    delta = (out - y) / x.shape[0]
    grads = [None] * len(params)
    for i in reversed(range(len(params))):
        grads[i] = (activations[i].T @ delta, delta.sum(axis=0))
        if i > 0:
            delta = (delta @ params[i][0].T) * (activations[i] > 0)
    return grads
""",
)

lesson(
    "deep network of a course: columns, caches in a list, a loop over layers",
    ("dW = dZ @ A_prev.T / m", "dW = dZ @ A_prev.T"),
    HEAD
    + """
def relu(Z):
    return np.maximum(0, Z)

def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))

def initialize_parameters_deep(layer_dims):
    np.random.seed(5)
    parameters = {}
    for l in range(1, len(layer_dims)):
        parameters['W' + str(l)] = np.random.randn(layer_dims[l], layer_dims[l - 1]) * 0.5
        parameters['b' + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters

def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L + 1):
        A_prev = A
        Z = parameters['W' + str(l)] @ A_prev + parameters['b' + str(l)]
        A = relu(Z) if l < L else sigmoid(Z)
        caches.append((A_prev, Z, parameters['W' + str(l)]))
    return A, caches

def compute_cost(AL, Y):
    m = Y.shape[1]
    return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m

def linear_backward(dZ, cache):
    A_prev, _, W = cache
    m = A_prev.shape[1]
    dW = dZ @ A_prev.T / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    return W.T @ dZ, dW, db

def L_model_backward(AL, Y, caches):
    grads = {}
    L = len(caches)
    dA = -(Y / AL - (1 - Y) / (1 - AL))
    for l in reversed(range(L)):
        Z = caches[l][1]
        dZ = dA * AL * (1 - AL) if l == L - 1 else dA * (Z > 0)
        dA, grads['dW' + str(l + 1)], grads['db' + str(l + 1)] = linear_backward(dZ, caches[l])
    return grads

def update_parameters(parameters, grads, learning_rate):
    for l in range(len(parameters) // 2):
        parameters['W' + str(l + 1)] -= learning_rate * grads['dW' + str(l + 1)]
        parameters['b' + str(l + 1)] -= learning_rate * grads['db' + str(l + 1)]
    return parameters
""",
)

lesson(
    "one against all: a regularised cost of theta that returns J and grad",
    ("reg = np.concatenate([[0.0], theta[1:]])", "reg = theta"),
    HEAD
    + """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def lr_cost_function(theta, X, y, lambda_=0.1):
    m = y.size
    h = sigmoid(X @ theta)
    J = -(y @ np.log(h) + (1 - y) @ np.log(1 - h)) / m + lambda_ / (2 * m) * np.sum(theta[1:] ** 2)
    reg = np.concatenate([[0.0], theta[1:]])
    grad = X.T @ (h - y) / m + lambda_ / m * reg
    return J, grad

def one_vs_all(X, y, num_labels, lambda_):
    all_theta = np.zeros((num_labels, X.shape[1]))
    for c in range(num_labels):
        theta = np.zeros(X.shape[1])
        for _ in range(100000):
            J, grad = lr_cost_function(theta, X, (y == c).astype(float), lambda_)
            theta -= 0.1 * grad
        all_theta[c] = theta
    return all_theta
""",
)

lesson(
    "gradients clipped after they are made, in a function of their own",
    ("dh = dy @ Wy.T * (1 - h ** 2)", "dh = dy @ Wy.T * (1 - h)"),
    HEAD
    + """
def forward(X, Wh, Wy):
    h = np.tanh(X @ Wh)
    return h, h @ Wy

def compute_loss(X, y, Wh, Wy):
    h, out = forward(X, Wh, Wy)
    return np.mean((out - y) ** 2)

def compute_gradients(X, y, Wh, Wy):
    h, out = forward(X, Wh, Wy)
    dy = 2 * (out - y) / out.size
    dWy = h.T @ dy
    dh = dy @ Wy.T * (1 - h ** 2)
    dWh = X.T @ dh
    return dWh, dWy

def clip_gradients(grads, limit=5.0):
    return [np.clip(g, -limit, limit) for g in grads]

def train(X, y, Wh, Wy, lr=0.1):
    for _ in range(10000):
        dWh, dWy = clip_gradients(compute_gradients(X, y, Wh, Wy))
        Wh -= lr * dWh
        Wy -= lr * dWy
""",
)

lesson(
    "batches by a generator, a model in a module-level dict",
    ("'W': xb.T @ delta / len(xb)", "'W': xb.T @ delta"),
    HEAD
    + """
rng = np.random.default_rng(0)
data = rng.normal(size=(64, 5))
labels = rng.integers(0, 3, size=64)
params = {'W': rng.normal(size=(5, 3)) * 0.1, 'b': np.zeros(3)}

def batches(x, y, size=16):
    order = rng.permutation(len(x))
    for start in range(0, len(x), size):
        rows = order[start : start + size]
        yield x[rows], y[rows]

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def loss_fn(params, xb, yb):
    probs = softmax(xb @ params['W'] + params['b'])
    return -np.log(probs[np.arange(len(yb)), yb]).mean()

def grad_fn(params, xb, yb):
    delta = softmax(xb @ params['W'] + params['b'])
    delta[np.arange(len(yb)), yb] -= 1
    return {'W': xb.T @ delta / len(xb), 'b': delta.mean(axis=0)}

for epoch in range(100):
    for xb, yb in batches(data, labels):
        grads = grad_fn(params, xb, yb)
        for k in params:
            params[k] -= 0.1 * grads[k]
    print(epoch, loss_fn(params, data, labels))
""",
)

lesson(
    "layers whose backward takes the learning rate, and a list as the network",
    ("weights_gradient = output_gradient @ self.input.T", "weights_gradient = output_gradient @ self.output.T"),
    HEAD
    + """
class Layer:
    def __init__(self):
        self.input = None
        self.output = None

    def forward(self, input):
        pass

    def backward(self, output_gradient, learning_rate):
        pass

class Dense(Layer):
    def __init__(self, input_size, output_size):
        self.weights = np.random.randn(output_size, input_size)
        self.bias = np.random.randn(output_size, 1)

    def forward(self, input):
        self.input = input
        self.output = self.weights @ self.input + self.bias
        return self.output

    def backward(self, output_gradient, learning_rate):
        weights_gradient = output_gradient @ self.input.T
        input_gradient = self.weights.T @ output_gradient
        self.weights -= learning_rate * weights_gradient
        self.bias -= learning_rate * output_gradient
        return input_gradient

class Tanh(Layer):
    def forward(self, input):
        self.input = input
        return np.tanh(self.input)

    def backward(self, output_gradient, learning_rate):
        return output_gradient * (1 - np.tanh(self.input) ** 2)

def mse(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)

def mse_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / np.size(y_true)

network = [Dense(3, 3), Tanh(), Dense(3, 3), Tanh()]

def predict(network, input):
    output = input
    for layer in network:
        output = layer.forward(output)
    return output

def train(network, x_train, y_train, epochs=1000, learning_rate=0.1):
    for e in range(epochs):
        for x, y in zip(x_train, y_train):
            grad = mse_prime(y, predict(network, x))
            for layer in reversed(network):
                grad = layer.backward(grad, learning_rate)
""",
)

lesson(
    "layers of a book with dweights and dinputs",
    ("np.sum(dvalues, axis=0, keepdims=True)", "np.mean(dvalues, axis=0, keepdims=True)"),
    HEAD
    + """
class Layer_Dense:
    def __init__(self, n_inputs, n_neurons):
        self.weights = 0.1 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T

class Activation_ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0
""",
)

lesson(
    "a neuron's six weights by name, updated one sample at a time",
    ("d_L_d_ypred = -2 * (y_true - y_pred)", "d_L_d_ypred = -(y_true - y_pred)"),
    HEAD
    + """
def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def deriv_sigmoid(x):
    fx = sigmoid(x)
    return fx * (1 - fx)

def mse_loss(y_true, y_pred):
    return ((y_true - y_pred) ** 2).mean()

class OurNeuralNetwork:
    def __init__(self):
        self.w1, self.w2, self.w5 = 0.3, -0.8, 1.1
        self.b1, self.b3 = 0.1, -0.2

    def feedforward(self, x):
        h1 = sigmoid(self.w1 * x[0] + self.w2 * x[1] + self.b1)
        return sigmoid(self.w5 * h1 + self.b3)

    def train_step(self, x, y_true, learn_rate=0.1):
        sum_h1 = self.w1 * x[0] + self.w2 * x[1] + self.b1
        h1 = sigmoid(sum_h1)
        sum_o1 = self.w5 * h1 + self.b3
        y_pred = sigmoid(sum_o1)
        d_L_d_ypred = -2 * (y_true - y_pred)
        d_ypred_d_h1 = self.w5 * deriv_sigmoid(sum_o1)
        self.w5 -= learn_rate * d_L_d_ypred * h1 * deriv_sigmoid(sum_o1)
        self.b3 -= learn_rate * d_L_d_ypred * deriv_sigmoid(sum_o1)
        self.w1 -= learn_rate * d_L_d_ypred * d_ypred_d_h1 * x[0] * deriv_sigmoid(sum_h1)
        self.w2 -= learn_rate * d_L_d_ypred * d_ypred_d_h1 * x[1] * deriv_sigmoid(sum_h1)
        self.b1 -= learn_rate * d_L_d_ypred * d_ypred_d_h1 * deriv_sigmoid(sum_h1)

    def train(self, data, all_y_trues):
        for epoch in range(1000):
            for x, y_true in zip(data, all_y_trues):
                self.train_step(x, y_true)
""",
)

lesson(
    "characters by a recurrent net: loss and gradients of one function, globals",
    ("dhraw = (1 - hs[t] * hs[t]) * dh", "dhraw = dh"),
    HEAD
    + """
hidden_size, vocab_size = 4, 3
r = np.random.default_rng(0)
Wxh = r.normal(size=(hidden_size, vocab_size)) * 0.5
Whh = r.normal(size=(hidden_size, hidden_size)) * 0.5
Why = r.normal(size=(vocab_size, hidden_size)) * 0.5
bh = np.zeros((hidden_size, 1))
by = np.zeros((vocab_size, 1))
hprev = np.zeros((hidden_size, 1))
inputs = [0, 1, 2, 1]
targets = [1, 2, 1, 0]

def lossFun(inputs, targets, hprev):
    xs, hs, ps = {}, {-1: hprev}, {}
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((vocab_size, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + bh)
        y = Why @ hs[t] + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T
        dby += dy
        dh = Why.T @ dy + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += dhraw @ xs[t].T
        dWhh += dhraw @ hs[t - 1].T
        dhnext = Whh.T @ dhraw
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]
""",
)

lesson(
    "momentum inside: a velocity kept between the steps, in an object",
    ("grad_W = X.T @ err * 2 / len(X)", "grad_W = X.T @ err / len(X)"),
    HEAD
    + """
class LinearModel:
    def __init__(self, n_features, n_outputs):
        r = np.random.default_rng(2)
        self.W = r.normal(size=(n_features, n_outputs))
        self.b = np.zeros(n_outputs)
        self.velocity_W = np.zeros_like(self.W)
        self.velocity_b = np.zeros_like(self.b)
        self.lr = 0.05
        self.momentum = 0.9

    def predict(self, X):
        return X @ self.W + self.b

    def loss(self, X, y):
        return np.sum((self.predict(X) - y) ** 2) / len(X)

    def update(self, X, y):
        err = self.predict(X) - y
        grad_W = X.T @ err * 2 / len(X)
        grad_b = err.sum(axis=0) * 2 / len(X)
        self.velocity_W = self.momentum * self.velocity_W - self.lr * grad_W
        self.velocity_b = self.momentum * self.velocity_b - self.lr * grad_b
        self.W += self.velocity_W
        self.b += self.velocity_b
""",
)
