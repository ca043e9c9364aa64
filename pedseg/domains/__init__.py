"""Domains as data: the only place where bones, labels, colours and codes stand."""

from pedseg.domains.domain import Domain, Structure
from pedseg.domains.load import builtin_names, load_domains

__all__ = ["Domain", "Structure", "builtin_names", "load_domains"]
