"""The sub-commands of `tinygrad-lite`, one file each: `configure(parser)` and `run(args) -> exit code`."""
