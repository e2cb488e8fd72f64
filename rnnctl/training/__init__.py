"""The pack trainer: runs of one pack key, trained in lockstep as one program; each run ends by its own rules."""
