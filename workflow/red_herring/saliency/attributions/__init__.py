"""Ways to say which pixels matter to a classifier, one file each.

A file declares, as literals (`red_herring.study.catalogue` reads them), TITLE and CITATION, and where it is so

    CONTROL = True      it knows nothing of the model: what an attribution has to beat
    SMOOTHED = False    the Gaussian of the study is not applied to its maps
    MIXED = True        it may be in the precision of the study, as it is a mean of many passes, in which roundings
                        cancel; else it is in float32
    NEEDS_MASKER = True the network has a `masker`, which a study that asks for the attribution fits to every run

It holds explain(request), which gives the maps of one batch, or those with
numbers of each image: `red_herring.saliency.attribution` has the types.
"""
