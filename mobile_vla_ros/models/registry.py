"""The models by name."""

from typing import Any

from mobile_vla_ros.contract import ContractError
from mobile_vla_ros.models.advanced import Advanced
from mobile_vla_ros.models.final_fixed import FinalFixed
from mobile_vla_ros.models.hybrid import HybridConfig, HybridEnsemble
from mobile_vla_ros.models.perception import PerceptionConfig

Config = PerceptionConfig | HybridConfig
Model = FinalFixed | HybridEnsemble
MODELS: dict[str, type[FinalFixed] | type[HybridEnsemble]] = {
    'final_fixed': FinalFixed, 'advanced': Advanced, 'hybrid': HybridEnsemble}


def config_class(name: str) -> type[Config]:
    """Return the class of the configs of a registered model."""
    return MODELS[name].config_class


def make_model(name: str, config: dict[str, Any]) -> Model:
    """
    Build a model by its registered name.

    :raises ContractError: for an unknown name, or a config that it does not take.
    """
    if name not in MODELS:
        raise ContractError(f'unknown model {name!r}; one of {", ".join(MODELS)}')
    try:
        return build_model(config_class(name)(**config))
    except (TypeError, ValueError) as error:
        raise ContractError(f'model {name!r} does not take the config {config!s:.200}: '
                            f'{error}') from error


def build_model(config: Config) -> Model:
    """Build the model that has this kind of config."""
    kind: Any = next(kind for kind in MODELS.values() if kind.config_class is type(config))
    model: Model = kind(config)
    return model


def name_of(model: Model) -> str:
    """Return the name under which the model's class is registered."""
    return next(name for name, kind in MODELS.items() if kind is type(model))
