"""Probes: questions put to a trained network, one file a probe. `rnnctl.probes.catalogue.PROBES` lists them."""
