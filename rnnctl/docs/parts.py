"""Tables of the families of parts and of other lists that the code keeps: figures, studies."""

from __future__ import annotations

import inspect
import re

from rnnctl.docs.markdown import code, listed, table

_FIELD = re.compile(r"    (?P<name>\w+): [^=#]*(?:# (?P<about>.*))?")


def figures() -> str:
    """Return the table of the kinds of figures that `rnnctl plot` draws."""
    from rnnctl.lab.plot import kinds

    rows = [
        [code(kind.name), kind.about, "yes" if kind.examined else "", "yes" if kind.at else ""]
        for kind in kinds().values()
    ]
    return table(["kind", "shows", "drawn by `examine`", "takes `--at`"], rows)


def measures() -> str:
    """Return the table of the measures by which runs are ranked and compared."""
    from rnnctl.measures import MEASURES

    rows = [[code(each.key), each.label, each.heading, each.reference.label] for each in MEASURES.values()]
    return table(["key", "is", "column in tables", "shown beside"], rows)


def scalars() -> str:
    """Return the table of the scalars of a history."""
    from rnnctl.measures import SCALARS

    return table(["scalar", "is"], [[code(name), about] for name, about in SCALARS.items()])


def remarks() -> str:
    """Return the table of the topics of remarks, with the rule of each verdict."""
    from rnnctl.report.remarks import TOPICS

    rows = []
    for topic in TOPICS:
        names = [topic.name, *[""] * (len(topic.rules) - 1)]
        rows += [[name, code(verdict), rule] for name, (verdict, rule) in zip(names, topic.rules.items(), strict=True)]
    return table(["topic", "verdict", "rule"], rows)


def differences() -> str:
    """Return the table of the verdicts on differences between configurations, with their rules."""
    from rnnctl.report.remarks.difference import RULES

    return table(["verdict", "rule"], [[code(verdict), rule] for verdict, rule in RULES.items()])


def topics() -> str:
    """Return the table of what remarks are about."""
    from rnnctl.report.remarks import TOPICS

    return table(["topic", "looks at"], [[topic.name, topic.about] for topic in TOPICS])


def results() -> str:
    """Return the table of what is known of each run. Meanings are the comments of the class."""
    from rnnctl.measures import MEASURES
    from rnnctl.report.results import Result

    rows = []
    for line in inspect.getsource(Result).splitlines():
        match = _FIELD.fullmatch(line)
        if match:
            name = match["name"]
            rows.append([code(name), match["about"] or MEASURES[name].label])
    return table(["field", "is"], rows)


def families() -> str:
    """Return the table of the families of parts, with the names that studies and commands use."""
    from rnnctl.docs.questions import catalogues

    return table(["part", "names"], [[kind, listed(catalogue.names)] for kind, catalogue in catalogues().items()])


def studies() -> str:
    """Return the table of the studies that come with rnnctl, with the first sentence of what each is about."""
    from rnnctl.study.packaged import indexed

    rows = []
    for name, entry in indexed().items():
        about = " ".join(entry.about.split()).split(". ")[0].rstrip(".") + "."
        rows.append([code(name), str(entry.runs), about])
    return table(["study", "runs", "about"], rows)


def index_of_studies() -> str:
    """Return the text of the index of the studies that come with rnnctl (see rnnctl.study.packaged)."""
    from rnnctl.study.loading import load_study
    from rnnctl.study.packaged import Entry, index_of, packaged_studies

    entries = {}
    for name in packaged_studies():
        study = load_study(name)
        packages = {package for run in study.runs for package in run.spec.task.packages}
        entries[name] = Entry(study.about, len(study.runs), tuple(sorted(packages)))
    return index_of(entries)
