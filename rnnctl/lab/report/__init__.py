"""Write reports: a page about runs, and an index over all studies of a workspace."""

from rnnctl.lab.report.writing import Indexed, Reported, report, report_all, settled

__all__ = ["Indexed", "Reported", "report", "report_all", "settled"]
