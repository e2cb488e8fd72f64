"""The sections of a study file: their names, what each is, what others call it, and an example."""

from __future__ import annotations

SECTIONS: dict[str, type] = {
    "study": str,
    "about": str,
    "base": dict,
    "cases": dict,
    "zip": dict,
    "grid": dict,
    "random": dict,
    "exclude": list,
    "when": dict,
    "seeds": object,
    "refine": dict,
    "questions": list,
}

# What other tools call the sections, or what the word is likely to say where a section stands.
ALSO_CALLED: dict[str, tuple[str, ...]] = {
    "study": ("name", "title", "experiment", "project", "experiment_name", "id"),
    "about": ("description", "notes", "comment", "summary", "abstract", "doc"),
    "base": ("defaults", "default", "common", "config", "settings", "params", "shared"),
    "cases": ("runs", "variants", "experiments", "configs", "configurations", "trials"),
    "grid": ("sweep", "sweeps", "parameters", "search_space", "matrix", "product", "axes", "grid_search", "vary"),
    "random": ("random_search", "samples", "sample", "distributions", "search"),
    "exclude": ("skip", "constraints", "except", "without", "filter", "filters", "ignore"),
    "when": ("if", "only_if", "conditions", "condition", "where", "unless"),
    "questions": ("question", "claims", "hypotheses", "hypothesis", "asks", "answers", "observation_questions"),
    "seeds": ("repeats", "repeat", "replicates", "repetitions", "n_seeds", "num_seeds"),
}

EXAMPLES = {
    "base": "{task: temporal_order, train.lr: 0.1}",
    "cases": "{A: {train.lr: 0.1}, B: {train.lr: 0.2}}",
    "zip": "{a: [{train.lr: 0.1}, {train.lr: 0.2}]}",
    "grid": "{train.lr: [0.1, 0.2]}",
    "random": "{n: 10, train.lr: {loguniform: [1e-3, 1]}}",
    "exclude": "[{train.lr: 0.1, model.hidden: 50}]",
    "when": "{model.init.connections: {model.init.name: smart_tanh}}",
    "questions": '[{ask: "Which rate is best?", measure: loss, by: train.lr}]',
    "refine": "{best: 10%, variants: {longer: {train.updates: 100000}}}",
}
