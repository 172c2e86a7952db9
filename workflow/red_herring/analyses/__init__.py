"""Questions asked of runs, one file each.

A file declares TITLE, CITATION and COLUMNS (what its table has, column by column), and where it has any BY (columns
that tell the rows of a run apart), SETTINGS (the JSON schema of its own keys under `analyses` in config.yaml, each with
a default) and NEEDS (what it is given besides the run), all as literals (`red_herring.study.catalogue` reads them). It
holds analyse(run, settings); `red_herring.analyses.base` has the types. From the file alone it gets its rule, its keys
in the configuration, its digest and its collected table.
"""
