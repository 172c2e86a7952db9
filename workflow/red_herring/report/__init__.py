"""From the files of all runs to tidy tables, and from those to the tables and figures of the paper."""
