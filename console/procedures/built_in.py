"""The procedures that come with the console, in the order in which they are listed."""

from __future__ import annotations

from console.procedures.announcements import ANNOUNCE
from console.procedures.chain_upgrade import CHAIN_UPGRADE
from console.procedures.checklist_day import CHECKLIST_24H
from console.procedures.checklist_hour import CHECKLIST_1H
from console.procedures.checklist_now import CHECKLIST_NOW
from console.procedures.configuration import CONFIGURATION
from console.procedures.hotfix import HOTFIX
from console.procedures.look import LOOK
from console.procedures.model import MODEL
from console.procedures.model_rollback import ROLLBACK_MODEL
from console.procedures.patch import PATCH
from console.procedures.provider import PROVIDER
from console.procedures.provider_kubernetes import PROVIDER_KUBERNETES, ROLLBACK_PROVIDER_KUBERNETES
from console.procedures.provider_rollback import ROLLBACK_PROVIDER
from console.procedures.rollback import ROLLBACK, ROLLBACK_STATE
from console.procedures.rolling import ROLLING
from console.procedures.step import Procedure
from console.procedures.verify_network import VERIFY_NETWORK
from console.procedures.verify_provider import VERIFY_PROVIDER
from console.procedures.verify_validator import VERIFY_VALIDATOR

BUILT_IN: tuple[Procedure, ...] = (
    LOOK,
    CHECKLIST_24H,
    CHECKLIST_1H,
    CHECKLIST_NOW,
    ANNOUNCE,
    VERIFY_VALIDATOR,
    VERIFY_PROVIDER,
    VERIFY_NETWORK,
    ROLLING,
    CHAIN_UPGRADE,
    PATCH,
    CONFIGURATION,
    HOTFIX,
    ROLLBACK,
    ROLLBACK_STATE,
    PROVIDER,
    ROLLBACK_PROVIDER,
    PROVIDER_KUBERNETES,
    ROLLBACK_PROVIDER_KUBERNETES,
    MODEL,
    ROLLBACK_MODEL,
)
