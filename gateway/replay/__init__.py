"""A recorded trace through the same core, without network: how a case is reproduced."""
