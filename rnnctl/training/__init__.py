"""The pack trainer: runs of equal shape, trained in lockstep as one program, each with its own fate."""
