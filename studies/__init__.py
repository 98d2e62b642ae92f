"""What is measured and what the pages of results/ say of it: one file a study, and a runner for all."""
