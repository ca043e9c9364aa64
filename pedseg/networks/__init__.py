"""Networks: plain torch modules, one a domain or many domains in one."""

from pedseg.networks.autoencoder import MultiDomainAutoencoder, ShapeEncoder
from pedseg.networks.classes import class_logits
from pedseg.networks.discriminators import DomainDiscriminators
from pedseg.networks.domains import (
    IndividualNetworks,
    MultiDomain,
    MultiDomainOutput,
    make_multidomain,
    select_domain,
    start_heads,
)
from pedseg.networks.embeddings import embed
from pedseg.networks.factory import (
    NETWORKS,
    build_autoencoder,
    build_mask_discriminators,
    build_network,
    build_shape_code_discriminators,
)
from pedseg.networks.selected import SelectedNetwork
from pedseg.networks.transfer import carry_over

__all__ = [
    "NETWORKS",
    "DomainDiscriminators",
    "IndividualNetworks",
    "MultiDomain",
    "MultiDomainAutoencoder",
    "MultiDomainOutput",
    "SelectedNetwork",
    "ShapeEncoder",
    "build_autoencoder",
    "build_mask_discriminators",
    "build_network",
    "build_shape_code_discriminators",
    "carry_over",
    "class_logits",
    "embed",
    "make_multidomain",
    "select_domain",
    "start_heads",
]
