"""The model section of a run, one model a cell, told apart by `name`, and the inits that each can have."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from rnnctl.section import Real, Section, named


class SigmoidInit(Section):
    """All weights N(0, std), biases 0; the activation defaults to sigmoid."""

    name: Literal["sigmoid"] = "sigmoid"
    std: float = Field(0.01, gt=0)


class BasicTanhInit(Section):
    """All weights N(0, std), biases 0."""

    name: Literal["basic_tanh"] = "basic_tanh"
    std: float = Field(0.1, gt=0)


class SmartTanhInit(Section):
    """N(0, std); each row of W_hh keeps `connections` random entries and W_hh is rescaled to `spectral_radius`.

    connections: a whole number is a count, a fraction in (0, 1] a share of the row.
    """

    name: Literal["smart_tanh"] = "smart_tanh"
    std: float = Field(0.01, gt=0)
    connections: int | float = 15
    spectral_radius: float = Field(0.95, gt=0)

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
        """Entries kept in each row of a (hidden, hidden) matrix; at least one."""
        return self.connections if isinstance(self.connections, int) else max(1, int(self.connections * hidden))


class OrthogonalInit(Section):
    """Recurrent matrices orthogonal times gain; the other weights Glorot uniform, biases 0."""

    name: Literal["orthogonal"] = "orthogonal"
    gain: float = Field(1.0, gt=0)


class XavierInit(Section):
    """All weights Glorot uniform times gain, biases 0 (Glorot and Bengio 2010, eq. 16)."""

    name: Literal["xavier"] = "xavier"
    gain: float = Field(1.0, gt=0)


class CourseInit(Section):
    """Of a GRU: recurrent matrices of its gates N(0, gate_std), all other weights N(0, std), biases 0 but b_z."""

    name: Literal["course"] = "course"
    std: float = Field(0.01, gt=0)
    gate_std: float = Field(0.005, gt=0)


def default_name(name: str) -> BeforeValidator:
    """A section's short form and default: a word is its name, a mapping without one has this name."""

    def written_out(value: Any) -> Any:
        value = named(value)
        return {"name": name, **value} if isinstance(value, dict) else value

    return BeforeValidator(written_out)


Init = Annotated[SigmoidInit | BasicTanhInit | SmartTanhInit | OrthogonalInit | XavierInit, Field(discriminator="name")]
GruInit = Annotated[CourseInit | OrthogonalInit | XavierInit, Field(discriminator="name")]
LstmInit = Annotated[OrthogonalInit | XavierInit, Field(discriminator="name")]
GATED_FLAGS = ("input_gate", "state_gate", "forget_gate", "output_gate", "new_state", "old_state", "residual")


class Rnn(Section):
    """The vanilla RNN; its activation defaults to tanh, or to sigmoid under the init of that name."""

    name: Literal["rnn"] = "rnn"
    hidden: int = Field(50, ge=1)
    init: Annotated[Init, default_name("smart_tanh")] = SmartTanhInit()
    activation: Literal["tanh", "sigmoid", "relu", "identity"] = "tanh"

    @model_validator(mode="before")
    @classmethod
    def _activation_follows_init(cls, data: Any) -> Any:
        if isinstance(data, dict) and "activation" not in data:
            init = named(data.get("init"))
            if isinstance(init, dict) and init.get("name") == "sigmoid":
                return {**data, "activation": "sigmoid"}
        return data

    @model_validator(mode="after")
    def _connections_fit(self) -> Rnn:
        if isinstance(self.init, SmartTanhInit) and self.init.count(self.hidden) > self.hidden:
            raise ValueError(f"init.connections {self.init.connections} is more than hidden {self.hidden}")
        return self


class Gru(Section):
    """The GRU. update_bias: where b_z starts; the update gate is the share of new content (.12 at -2)."""

    name: Literal["gru"] = "gru"
    hidden: int = Field(50, ge=1)
    init: Annotated[GruInit, default_name("course")] = CourseInit()
    update_bias: Real = -2.0


class Lstm(Section):
    """The LSTM without peepholes. forget_bias: where b_f starts."""

    name: Literal["lstm"] = "lstm"
    hidden: int = Field(50, ge=1)
    init: Annotated[LstmInit, default_name("orthogonal")] = OrthogonalInit()
    forget_bias: Real = 1.0


class LinearInit(Section):
    """Weights and biases uniform in +-1 / sqrt(fan in), as torch.nn.Linear begins."""

    name: Literal["linear"] = "linear"


class Gated(Section):
    """Layers of optional gates. Seven flags say what a layer has (rnnctl.cells.gated.equations); its output reads the
    state that it has just made (new_state), the one before (old_state), or both.
    """

    name: Literal["gated"] = "gated"
    hidden: int = Field(256, ge=1)
    layers: int = Field(2, ge=1)
    init: Annotated[LinearInit, default_name("linear")] = LinearInit()
    input_gate: bool = False
    state_gate: bool = True
    forget_gate: bool = True
    output_gate: bool = False
    new_state: bool = True
    old_state: bool = False
    residual: bool = True

    @property
    def flags(self) -> frozenset[str]:
        return frozenset(flag for flag in GATED_FLAGS if getattr(self, flag))

    @model_validator(mode="after")
    def _reads_a_state(self) -> Gated:
        if not (self.new_state or self.old_state):
            raise ValueError("new_state and old_state are both off, so that nothing would read the state")
        return self


Model = Annotated[Rnn | Gru | Lstm | Gated, Field(discriminator="name")]
