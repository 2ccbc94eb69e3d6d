"""The models by name."""

from torch import nn

from mobile_vla_ros.contract import ContractError
from mobile_vla_ros.models.advanced import Advanced
from mobile_vla_ros.models.final_fixed import FinalFixed
from mobile_vla_ros.models.hybrid import HybridEnsemble

MODELS = {'final_fixed': FinalFixed, 'advanced': Advanced, 'hybrid': HybridEnsemble}


def make_model(name: str, config: dict) -> nn.Module:
    """
    Build a model by its registered name.

    :raises ContractError: for an unknown name, or a config that it does not take.
    """
    if name not in MODELS:
        raise ContractError(f'unknown model {name!r}; one of {", ".join(MODELS)}')
    try:
        return MODELS[name](MODELS[name].config_class(**config))
    except (TypeError, ValueError) as error:
        raise ContractError(f'model {name!r} does not take the config {config!s:.200}: '
                            f'{error}') from error


def build_model(config) -> nn.Module:
    """Build the model whose config this is."""
    return next(kind for kind in MODELS.values() if kind.config_class is type(config))(config)


def name_of(model: nn.Module) -> str:
    """Return the name under which the model's class is registered."""
    return next(name for name, kind in MODELS.items() if kind is type(model))
