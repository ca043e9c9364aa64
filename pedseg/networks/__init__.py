"""Networks: plain torch modules, one a domain or many domains in one."""

from pedseg.networks.domains import MultiDomain, MultiDomainOutput, make_multidomain, select_domain, start_heads
from pedseg.networks.embeddings import embed
from pedseg.networks.factory import NETWORKS, build_network
from pedseg.networks.selected import SelectedNetwork

__all__ = [
    "NETWORKS",
    "MultiDomain",
    "MultiDomainOutput",
    "SelectedNetwork",
    "build_network",
    "embed",
    "make_multidomain",
    "select_domain",
    "start_heads",
]
