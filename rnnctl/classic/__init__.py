"""Training of recurrent networks on arrays, for teaching: numpy alone, and plain gradient descent.

losses        softmax, cross_entropy_loss, mse_loss, accuracy
numerical     compute_numerical_gradient, compute_numerical_gradient_fast
optimization  clip_gradients, learning_rate_schedule, EarlyStopping
training      create_batches, train_step, evaluate, train_model
curves        plot_training_curves
lstm, relational  LSTM, RelationalRNN: two models with gradients of their own
model         what any other model needs: forward, get_params, set_params

The rest of rnnctl trains faster and keeps what it did: this package is for reading, and for a first notebook.
"""

from rnnctl.classic.curves import plot_training_curves
from rnnctl.classic.losses import accuracy, cross_entropy_loss, mse_loss, softmax
from rnnctl.classic.lstm import LSTM
from rnnctl.classic.model import Differentiable, Model
from rnnctl.classic.numerical import compute_numerical_gradient, compute_numerical_gradient_fast
from rnnctl.classic.optimization import EarlyStopping, clip_gradients, learning_rate_schedule
from rnnctl.classic.relational import RelationalRNN
from rnnctl.classic.training import create_batches, evaluate, train_model, train_step

__all__ = [
    "LSTM",
    "Differentiable",
    "EarlyStopping",
    "Model",
    "RelationalRNN",
    "accuracy",
    "clip_gradients",
    "compute_numerical_gradient",
    "compute_numerical_gradient_fast",
    "create_batches",
    "cross_entropy_loss",
    "evaluate",
    "learning_rate_schedule",
    "mse_loss",
    "plot_training_curves",
    "softmax",
    "train_model",
    "train_step",
]
