"""Whole training scripts: script.py writes them (tg.export.train_script) from the texts in templates.py."""
