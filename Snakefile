include: "workflow/Snakefile"


# An include does not pass on its default target.
workflow.default_target = workflow.modifier.modify_rulename("all")
