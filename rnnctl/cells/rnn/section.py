"""The vanilla RNN as a study names it, and the initial weights of Pascanu, Mikolov and Bengio (2013)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from rnnctl.cells.base.init_from import FromInit
from rnnctl.cells.base.inits import OrthogonalInit, RandomInit, Weights, XavierInit, matrices, normal, spectral_radius
from rnnctl.cells.base.names import names_of_branches
from rnnctl.cells.base.section import CELL, HIDDEN, INIT, CellSection, InitSection, Shapes
from rnnctl.section import HOST, PER_RUN, also_called, default_name, named, with_default

if TYPE_CHECKING:
    from rnnctl.cells.rnn.equations import Rnn

BRANCHES = ("h",)


class SigmoidInit(InitSection):
    """All matrices N(0, std), biases 0; the activation defaults to sigmoid."""

    name: Literal["sigmoid"] = "sigmoid"
    std: float = Field(0.01, gt=0, description="standard deviation of all matrices")

    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> Weights:
        return normal(rng, self.std, matrices(shapes))


class BasicTanhInit(InitSection):
    """All matrices N(0, std), biases 0."""

    name: Literal["basic_tanh"] = "basic_tanh"
    std: float = Field(0.1, gt=0, description="standard deviation of all matrices")

    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> Weights:
        return normal(rng, self.std, matrices(shapes))


class SmartTanhInit(InitSection):
    """N(0, std); each row of W_hh keeps `connections` random entries and W_hh is rescaled to `spectral_radius`.
    The default, 15 entries, is 30 % of a row of 50 units, and 3 % of one of 500.

    A row holds a unit's outgoing connections, as in the authors' program (their paper says incoming).
    """

    name: Annotated[Literal["smart_tanh"], also_called(smart_tanh=("sparse", "sparse_tanh", "smart"))] = "smart_tanh"
    std: float = Field(0.01, gt=0, description="standard deviation of all matrices before W_hh is thinned out")
    connections: Annotated[int | float, HOST, also_called("sparsity", "density", "fan_in", "n_connections")] = Field(
        15, description="entries kept in each row of W_hh: a count (15), or a share of the row (0.3), rounded"
    )
    spectral_radius: Annotated[float, also_called("rho", "radius")] = Field(
        0.95, gt=0, description="spectral radius that W_hh is rescaled to"
    )

    @model_validator(mode="after")
    def _connections_in_range(self) -> SmartTanhInit:
        wrong_count = isinstance(self.connections, int) and self.connections < 1
        wrong_share = isinstance(self.connections, float) and not 0 < self.connections <= 1
        if wrong_count or wrong_share:
            raise ValueError(
                f"connections {self.connections} is neither a count (1, 2, ...) nor a share (above 0.0, at most 1.0)"
            )
        return self

    def count(self, hidden: int) -> int:
        """Return the number of entries kept in each row of a (hidden, hidden) matrix; at least one.

        A share is taken as the decimal that it is written as, and the exact product is rounded, half to even.
        """
        if isinstance(self.connections, int):
            return self.connections
        return max(1, round(Fraction(str(self.connections)) * hidden))

    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> Weights:
        by_name = matrices(shapes)
        weights = normal(rng, self.std, by_name)
        hidden = by_name["W_hh"][0]
        kept = np.zeros((hidden, hidden), dtype=bool)
        for row in kept:
            row[rng.permutation(hidden)[: self.count(hidden)]] = True
        sparse = np.where(kept, weights["W_hh"], 0.0)
        return {**weights, "W_hh": sparse * (self.spectral_radius / spectral_radius(sparse))}


RnnInit = Annotated[
    SigmoidInit | BasicTanhInit | SmartTanhInit | OrthogonalInit | XavierInit | RandomInit | FromInit,
    Field(discriminator="name"),
]


class RnnSection(CellSection):
    """The vanilla RNN; its activation defaults to tanh, or to sigmoid under the init of that name."""

    name: Annotated[
        Literal["rnn"], also_called(*CELL, rnn=("vanilla", "elman", "simple_rnn", "vanilla_rnn", "srn"))
    ] = "rnn"
    hidden: Annotated[int, also_called(*HIDDEN)] = Field(50, ge=1, description="number of hidden units")
    init: Annotated[RnnInit, default_name("smart_tanh"), PER_RUN, also_called(*INIT)] = Field(
        SmartTanhInit(), description="how initial weights are drawn"
    )
    activation: Annotated[
        Literal["tanh", "sigmoid", "relu", "identity"],
        also_called(
            "nonlinearity",
            "activation_fn",
            "act",
            identity=("linear", "none"),
            sigmoid=("logistic",),
            relu=("leaky_relu", "rectifier"),
        ),
    ] = Field("tanh", description="activation of the hidden units; sigmoid by default under the init of that name")

    has_omega: ClassVar[bool] = True
    takes_reals: ClassVar[bool] = True
    limits: ClassVar[Mapping[str, tuple[float, str]]] = {
        "tanh": (1.0, "1 \N{MINUS SIGN} |h|"),
        "sigmoid": (0.5, "min(h, 1 \N{MINUS SIGN} h)"),
    }

    @model_validator(mode="before")
    @classmethod
    def _activation_follows_init(cls, data: Any) -> Any:
        if isinstance(data, dict) and "activation" not in data:
            init = named(data.get("init"))
            if isinstance(init, dict) and init.get("name") == "sigmoid":
                return {**data, "activation": "sigmoid"}
        return data

    @model_validator(mode="after")
    def _connections_fit(self) -> RnnSection:
        if isinstance(self.init, SmartTanhInit) and self.init.count(self.hidden) > self.hidden:
            what = f"init.{with_default(self.init, 'connections', f', of init {self.init.name}')}"
            what += f" is more than {with_default(self, 'hidden')}"
            if "connections" not in self.init.model_fields_set:
                what += f"; set it to {self.hidden} at most, or to a share of the row such as 0.3"
            raise ValueError(what)
        return self

    def network(self, inputs: int, outputs: int) -> Rnn:
        from rnnctl.cells.rnn.equations import Rnn

        return Rnn(inputs, self.hidden, outputs, self.activation)

    @property
    def weight_names(self) -> tuple[str, ...]:
        return names_of_branches(BRANCHES)

    @property
    def gates(self) -> tuple[str, ...]:
        return ()

    @property
    def products(self) -> int:
        return 1

    @property
    def kept_per_step(self) -> int:
        # h_t, alone and with what Omega adds; the gradients by h_t and a_t; c_t where the head reads every step.
        return 5

    @property
    def kept_on_cpu(self) -> int:
        return 3  # h_t; the gradient by a_t; what Omega adds

    @property
    def saturation_limit(self) -> float | None:
        return self.limits[self.activation][0] if self.activation in self.limits else None

    @property
    def saturation_formula(self) -> str | None:
        return self.limits[self.activation][1] if self.activation in self.limits else None

    @property
    def export_activation(self) -> str:
        return self.activation
