"""Right for better reasons: pixels outside the mask must not change an image's influence on the classifier."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import Batch

TITLE = "RBR"
APPROACH = "Saliency based"
CITATION = "Shao et al. 2021, with the influence of Koh and Liang 2017, equation 5"
USES = ["masks"]
# The range of RRR (Viviano et al. 2021).
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-4, 10.0]}


class Method(base.Method):
    """penalty = mean over the batch of || I(x) * (1 - m) ||_2^2, with what a change of each pixel of a training image
    does to the loss of that image by way of the weights w that are learnt from it (Koh and Liang, eq. 5),

        I(x) = - d/dx dL/dw . H^-1 dL/dw, the last factor held fixed.

    As the Hessian H of all weights cannot be inverted in every step, it is the identity, as in the code of Friedrich et
    al. (2023), so I(x) = - d/dx || dL/dw ||^2 / 2; and w are the weights and biases of the last layer, for which that
    is known: with the softmax p and the features o, dL/dw = (p - e_label) x (o, 1), so for two classes

        I(x) = - d/dx (1 - p_label)^2 (1 + || o ||^2),

    an input gradient, as RRR's, that weighs more the less sure the network is of the label. What it is sure of has no
    influence, and then hardly any penalty, which is the method's weakness where a shortcut is learnt fast.

    The code of Friedrich et al., which is said to follow the paper, differs from this in two things. It penalises the
    square of the product of influence and input gradient, of the sum of the log-probabilities, not of the influence
    alone. And its influence is d/dx of the sum of all entries of dL/dw, w all parameters of the network, rather than of
    half their squares. The text of Shao et al. was not at hand to tell which of the two is the paper's.
    """

    compiles = False

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        images = base.asking_if_guided(batch)
        features = self.model.features(images)
        logits = self.model.fc(features)
        of_other_class = torch.softmax(logits, dim=1).gather(1, 1 - batch.labels.unsqueeze(1)).squeeze(1)
        influence = base.input_gradient(of_other_class.square() * (1 + features.square().sum(dim=1)), images)
        outside = (influence * ~batch.masks).flatten(1)
        return {
            "classification": base.classification_loss(logits, batch.labels),
            "penalty": outside.square().sum(dim=1).mean(),
        }
