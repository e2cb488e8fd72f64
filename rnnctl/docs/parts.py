"""Tables of the families of parts and of other lists that the code keeps: figures, studies."""

from __future__ import annotations

from rnnctl.docs.markdown import code, table


def figures() -> str:
    """Return the table of the kinds of figures that `rnnctl plot` draws."""
    from rnnctl.report.figures import KINDS

    rows = [
        [code(kind.name), kind.about, "yes" if kind.examined else "", "yes" if kind.at else ""]
        for kind in KINDS.values()
        if kind.plotted
    ]
    return table(["kind", "shows", "drawn by `examine`", "takes `--at`"], rows)


def measures() -> str:
    """Return the table of the measures by which runs are ranked and compared."""
    from rnnctl.measures import MEASURES

    rows = [[code(each.key), each.label, each.heading, each.reference.label] for each in MEASURES.values()]
    return table(["key", "is", "column in tables", "shown beside"], rows)


def studies() -> str:
    """Return the table of the studies that come with rnnctl, with the first sentence of what each is about."""
    from rnnctl.study.loading import load_study, packaged_studies

    rows = []
    for name in packaged_studies():
        study = load_study(name)
        rows.append([code(name), str(len(study.runs)), " ".join(study.about.split()).split(". ")[0].rstrip(".") + "."])
    return table(["study", "runs", "about"], rows)
