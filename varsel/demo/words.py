"""What the demonstration says, in Danish and English."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Words:
    """The texts of one language."""

    #: Case key -> title.
    titles: Mapping[str, str]
    #: Title of one of the user's own studies, with {number} and {files}.
    own_study: str
    #: Column heads of the table.
    columns: tuple[str, ...]
    model: str
    #: Answer -> word.
    answers: Mapping[str, str]
    #: Said while things go on.
    installing: str
    only_challenger: str
    starting: str
    sending: str
    waiting: str
    stopping: str
    #: Said of parts that are not installed.
    no_orthanc: str
    no_real: str
    no_mlflow: str
    slow_mlflow: str
    #: Heads of what stands below the table.
    seconds: str
    total: str
    reasons: str
    pictures: str
    addresses: str
    pages: str
    not_as_expected: str
    all_as_expected: str
    stay_up: str
    #: Said in the table.
    is_stored: str
    is_missing: str
    #: Said when a case did not become what it must.
    wrong_answer: str
    wrong_reason: str
    wrong_place: str
    no_risk: str
    not_stored: str


ENGLISH = Words(
    titles={
        "real-xray": "Real chest radiograph (CR, JPEG 2000)",
        "xray-opacity": "Synthetic radiograph with an opacity",
        "xray-clear": "Synthetic radiograph without",
        "ct-nodules": "Synthetic CT series with nodules",
        "ultrasound": "Ultrasound: no model is meant for it",
        "truncated": "Radiograph with truncated pixels",
        "not-dicom": "Noise in a DICOM envelope",
        "stay-high": "Synthetic stay, infection under way",
        "stay-low": "Synthetic stay without infection",
    },
    own_study="Own study {number} ({files} files)",
    columns=("Case", "Outcome", "Model", "Score", "Sent"),
    model="Model",
    seconds="Seconds of each stage",
    total="received to stored",
    reasons="Reasons",
    answers={
        "finding": "finding",
        "no_finding": "no finding",
        "not_analysed": "not analysed",
        "failed": "failed",
        "refused": "refused",
        "none": "no answer in time",
    },
    installing="Installing model {name}",
    only_challenger="{name} runs as challenger, unheard; the gates say why: varsel -s {settings} history {name}",
    starting="Starting {name}",
    sending="Sending {name}",
    waiting="Waiting for answers",
    stopping="Stopping ...",
    no_orthanc="A small embedded archive is the PACS; Orthanc is where it is installed and not declined.",
    no_real="The real radiograph is skipped: pydicom-data is not installed (pip install pydicom-data).",
    no_mlflow="MLflow is not installed: its pages are skipped (pip install 'varsel[training]').",
    slow_mlflow="MLflow does not answer yet; its log is {log}",
    pictures="Pictures of what was answered",
    addresses="Addresses",
    pages="pages",
    not_as_expected="Not as expected:",
    all_as_expected="Every case came out as it must.",
    stay_up="Everything stays up. Stop with Ctrl-C.",
    is_stored="in the PACS",
    is_missing="MISSING in the PACS",
    wrong_answer="the outcome is '{found}', required is {required}",
    wrong_reason="the reason is of code '{found}', required is {required}",
    wrong_place="no finding lies where the truth is",
    no_risk="no risk was said",
    not_stored="{count} result objects are not in the PACS",
)

DANISH = Words(
    titles={
        "real-xray": "Ægte thoraxrøntgen (CR, JPEG 2000)",
        "xray-opacity": "Syntetisk røntgen med fortætning",
        "xray-clear": "Syntetisk røntgen uden",
        "ct-nodules": "Syntetisk CT-serie med noduli",
        "ultrasound": "Ultralyd: ingen model er til det",
        "truncated": "Røntgen med afkortede pixels",
        "not-dicom": "Støj i en DICOM-kuvert",
        "stay-high": "Syntetisk indlæggelse, infektion på vej",
        "stay-low": "Syntetisk indlæggelse uden infektion",
    },
    own_study="Egen undersøgelse {number} ({files} filer)",
    columns=("Sag", "Udfald", "Model", "Score", "Sendt"),
    model="Model",
    seconds="Sekunder i hvert trin",
    total="modtaget til gemt",
    reasons="Årsager",
    answers={
        "finding": "fund",
        "no_finding": "intet fund",
        "not_analysed": "ikke analyseret",
        "failed": "fejlet",
        "refused": "afvist",
        "none": "intet svar i tide",
    },
    installing="Installerer modellen {name}",
    only_challenger="{name} kører som challenger, uhørt; kravene siger hvorfor: varsel -s {settings} history {name}",
    starting="Starter {name}",
    sending="Sender {name}",
    waiting="Venter på svar",
    stopping="Stopper ...",
    no_orthanc="Et lille indbygget arkiv er PACS; Orthanc er det, hvor det er installeret og ikke fravalgt.",
    no_real="Det ægte røntgenbillede springes over: pydicom-data er ikke installeret (pip install pydicom-data).",
    no_mlflow="MLflow er ikke installeret: dens sider springes over (pip install 'varsel[training]').",
    slow_mlflow="MLflow svarer ikke endnu; dens log er {log}",
    pictures="Billeder af svarene",
    addresses="Adresser",
    pages="sider",
    not_as_expected="Ikke som krævet:",
    all_as_expected="Alle sager endte, som de skal.",
    stay_up="Alt bliver kørende. Stop med Ctrl-C.",
    is_stored="i PACS",
    is_missing="MANGLER i PACS",
    wrong_answer="udfaldet er '{found}', krævet er {required}",
    wrong_reason="årsagen har koden '{found}', krævet er {required}",
    wrong_place="intet fund ligger, hvor sandheden er",
    no_risk="der er ikke sagt nogen risiko",
    not_stored="{count} resultatobjekter er ikke i PACS",
)


def words_of(language: str) -> Words:
    """The Danish words for ``da``, the English ones for any other *language*."""
    return DANISH if language == "da" else ENGLISH
