"""Why nothing was analysed, as a radiographer in this house reads it."""

from collections.abc import Mapping

#: Danish for each reason code; what was found and what is required follows in the words of who found it.
_DANISH: Mapping[str, str] = {
    "no_suitable_image": "undersøgelsen har intet billede, som modellen er lavet til",
    "age": "patientens alder er uden for modellens område eller ukendt",
    "image_too_small": "billedet er mindre, end modellen kan læse",
    "multi_frame": "objektet har flere billeder, og modellen læser kun enkeltbilleder",
    "too_few_slices": "serien har for få snit",
    "slices_too_far_apart": "snittene ligger for langt fra hinanden",
    "wrong_task": "modellen er ikke lavet til denne slags undersøgelser",
    "guard_missing": "modellen, der skal se billedet først, mangler eller kan ikke bruges",
    "model_gave_nonsense": "modellen svarede med værdier, der ikke er tal",
    "unreadable_pixels": "billedets pixels kan ikke læses",
    "images_cleared": "en del af undersøgelsen er slettet efter sin tid; send hele undersøgelsen igen",
    "unusable_geometry": "billederne danner ikke ét sammenhængende volumen",
}


def reason_in(language: str, code: str, text: str) -> str:
    """*text* as it is in English; in Danish (``da``) after a sentence for its *code*, where there is one.

    The numbers stand in *text*, which technicians look up; what has been translated as a whole has no sentence here.
    """
    danish = _DANISH.get(code) if language == "da" else None
    return text if danish is None else f"{danish} ({text})"
