"""Which nouns there are, where each lives, and which words of `az ml` Zaffre knows of but does not have yet.

`zaffre --help` needs this table only: the module of a noun is imported when one of its verbs is asked for.
"""

NOUNS: dict[str, tuple[str, str]] = {
    "workspace": ("zaffre.cli.workspace", "Workspaces: the walls between teams."),
    "model": ("zaffre.cli.model", "Models: register, search, download, alias, archive, delete."),
    "data": ("zaffre.cli.data", "Data assets: files, folders and tables by version."),
    "environment": ("zaffre.cli.environment", "Environments: what must be installed for code to run."),
    "online-endpoint": (
        "zaffre.cli.online_endpoint",
        "Online endpoints: one address, keys, traffic over deployments.",
    ),
    "online-deployment": (
        "zaffre.cli.online_deployment",
        "Online deployments: models that answer behind an endpoint.",
    ),
    "server": ("zaffre.cli.server", "The server on this machine: start, stop, look after."),
    "secret": ("zaffre.cli.secret", "Values that deployments get, and nobody can read back."),
    "token": ("zaffre.cli.token", "Tokens that let people and programs in."),
    "audit": ("zaffre.cli.audit", "Who changed what, when and why."),
    "lineage": ("zaffre.cli.lineage", "What an answer was made of."),
}
"""Groups by name: module that holds `noun`, and the line of help."""

COMMANDS: dict[str, tuple[str, str]] = {
    "deploy": ("zaffre.cli.deploy", "From a model, file or folder to an address that answers, in one step."),
    "configure": ("zaffre.cli.configure", "Defaults for group, workspace and others."),
}
"""Single commands by name: module that holds `command`, and the line of help."""

NOT_YET = frozenset({
    "azure-openai-deployment", "batch-deployment", "batch-endpoint", "capability-host", "component", "compute",
    "connection", "datastore", "deployment-template", "feature-set", "feature-store", "feature-store-entity",
    "index", "job", "marketplace-subscription", "registry", "schedule", "serverless-endpoint",
})  # fmt: skip
"""Nouns of `az ml` that no verb of Zaffre serves yet."""

OF_AZURE = frozenset({
    "account", "acr", "ad", "aks", "appservice", "config", "container", "cosmosdb", "deployment", "extension", "functionapp",
    "group", "identity", "k8s-extension", "keyvault", "login", "logout", "monitor", "network", "policy", "provider", "resource",
    "role", "storage", "upgrade", "version", "vm", "webapp",
})  # fmt: skip
"""Words of az beside `ml` that users' scripts prepare Azure itself with."""
