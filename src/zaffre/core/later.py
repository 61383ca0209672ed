"""Names of azure.ai.ml that users' code imports and Zaffre does not have yet. Called by the modules that stand for its own."""


def missing(module: str, name: str, *, known: bool) -> Exception:
    """What to raise in a module's `__getattr__`. Of a name that the original has, an ImportError: Python replaces the text of
    any AttributeError by one of its own, which does not say why."""
    if known:
        return ImportError(
            f"{name!r} cannot be imported from {module}: this part of azure.ai.ml is not part of Zaffre yet. There are workspaces, "
            "models, data, environments, online endpoints and deployments; leave the name out of the import.",
            name=module,
        )
    return AttributeError(f"module {module!r} has no attribute {name!r}")
