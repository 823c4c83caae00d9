"""Screenshots of our results in OHIF, from a real archive: ``make viewer-shots OHIF=folder``; looked at by people.

The folder is what ``npm pack @ohif/app@3.13.2`` holds below ``package/dist``. No test: a minute of a browser without
graphics card, and whether a picture is right is for eyes to say.
"""

import argparse
import io
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from peers import OrthancPeer, find_program, free_ports, running_orthanc
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from scipy import ndimage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from dicom_io.codes import CUBIC_MILLIMETRE, DIAMETER, LUNG, MILLIMETRE, VOLUME, Code
from dicom_io.findings import AlgorithmIdentity, Finding, Measurement, Outcome, Region, Report, Segment
from dicom_io.headers import assemble_study, read_header
from dicom_io.pixels import read_radiograph
from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import write_results
from dicom_io.send.association import DicomAddress
from dicom_io.send.store_scu import StoreScu
from dicom_io.study import Study
from dicom_io.volume import Radiograph, Volume
from dicom_io.volumes import read_volume
from models.postprocess import components_of
from training.phantoms.ct import ct_phantom
from training.phantoms.dicom import Origin, ct_series, radiograph, write_datasets
from training.phantoms.xray import XrayPhantom, xray_phantom

_PROFILE = (ResultKind.SR, ResultKind.SEG, ResultKind.KOS, ResultKind.SC)
#: For a site whose viewer shows no report that draws nothing; the report goes to its archive all the same.
_PROFILES_OF_NOTHING = ((ResultKind.SR,), (ResultKind.SC,))
_FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)
#: A busy machine without graphics card takes minutes.
_PATIENCE_MS = 180_000
_CONFIGURATION = """
window.config = {
  routerBasename: '/', extensions: [], modes: [], customizationService: {}, showStudyList: true,
  maxNumberOfWebWorkers: 2, showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false,
  investigationalUseDialog: { option: 'never' }, strictZSpacingForVolumeViewport: true,
  defaultDataSourceName: 'dicomweb',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'dicomweb',
    configuration: {
      friendlyName: 'Archive', name: 'archive', wadoUriRoot: '/wado', qidoRoot: '/dicom-web', wadoRoot: '/dicom-web',
      qidoSupportsIncludeField: false, imageRendering: 'wadors', thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true, supportsFuzzyMatching: false, supportsWildcard: true,
      omitQuotationForMultipartRequest: true, bulkDataURI: { enabled: true },
    },
  }],
};
"""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A study at the archive, and what to open in it."""

    study_uid: str
    #: Series Description of what is double-clicked.
    series: str
    #: Text of the button to press when the viewer asks; empty where it does not.
    answer: str = ""
    #: Slices to go on from where the viewer opens: it shows the first that a mask touches.
    slices: int = 0
    #: The picture's name.
    name: str


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as scratch, running_orthanc(Path(scratch) / "orthanc") as archive:
        ct, xray = _store_ct(archive, Path(scratch)), _store_xray(archive, Path(scratch))
        nothing = _store_nothing_found(archive, Path(scratch))
        with _viewer(options.ohif, archive) as url:
            for shown in (
                Shown(study_uid=ct, series="masks", answer="Yes", slices=2, name="ohif-seg"),
                Shown(study_uid=ct, series="AI: Fund", name="ohif-sr"),
                Shown(study_uid=xray, series="AI: Fund", answer="No", name="ohif-sr-radiograph"),
                Shown(study_uid=xray, series="AI - ", name="ohif-sc"),
                Shown(study_uid=nothing, series="AI - ", name="ohif-nothing-found"),
            ):
                if shown.name in (options.only or shown.name):
                    _shoot(url, shown, options.out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ohif", type=Path, required=True, help="folder with OHIF's index.html")
    parser.add_argument("--out", type=Path, default=Path("viewer-shots"), help="where pictures go")
    parser.add_argument("--only", nargs="+", help="names of the pictures to take, e.g. ohif-sr; all when left out")
    options = parser.parse_args()
    if not (options.ohif / "index.html").is_file():
        sys.exit(f"'{options.ohif}' holds no index.html; unpack `npm pack @ohif/app@3.13.2` and name its package/dist")
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def _store_ct(archive: OrthancPeer, scratch: Path) -> str:
    phantom = ct_phantom(5, nodules=3, shape=(40, 256, 256), spacing_mm=(2.5, 1.4, 1.4))
    # Denser than anything else, so that the masks are found again in the volume as it was read.
    voxels = np.where(phantom.mask, 900, np.minimum(phantom.voxels, 150)).astype(phantom.voxels.dtype)
    marked = replace(phantom, voxels=voxels)
    files = write_datasets(ct_series(marked, Origin(key="shots ct", description="CT thorax")), scratch / "ct")
    study = assemble_study(read_header(path).at(path) for path in files)
    volume = read_volume(study.series[0])
    labels, count = ndimage.label(volume.voxels > 500)
    largest = 1 + int(np.argmax(ndimage.sum_labels(labels > 0, labels, range(1, count + 1))))
    # Measured as the line itself measures, so that picture and numbers agree.
    (found,) = components_of((labels == largest).astype(np.float32), 0.5, volume.spacing_mm, 1.0)
    segment = Segment(mask=found.mask, sop_instance_uids=volume.sop_instance_uids)
    sizes = (
        Measurement(concept=DIAMETER, value=round(found.diameter_mm, 1), unit=MILLIMETRE),
        Measurement(concept=VOLUME, value=round(found.volume_mm3, 0), unit=CUBIC_MILLIMETRE),
    )
    nodule = Code(value="27925004", scheme="SCT", meaning="Nodule")
    finding = Finding(concept=nodule, text="Nodulus 1", segment=segment, measurements=sizes, **_FOUND)
    _store(archive, study, volume, (finding,), scratch / "ct-results")
    return study.study_instance_uid


def _store_xray(archive: OrthancPeer, scratch: Path) -> str:
    phantom = xray_phantom(3, opacity=True, size_px=(1000, 1000))
    study, pixels = _radiograph(phantom, "shots xray", scratch / "xray")
    # Where this phantom's opacity lies.
    left, top, right, bottom = 250.0, 400.0, 400.0, 600.0
    polygon = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    region = Region(sop_instance_uid=pixels.sop_instance_uid, polygon=polygon)
    opacity = Code(value="opacity", scheme="99VARSEL", meaning="Opacity")
    finding = Finding(concept=opacity, text="Fortætning", region=region, **_FOUND)
    _store(archive, study, pixels, (finding,), scratch / "xray-results")
    return study.study_instance_uid


def _store_nothing_found(archive: OrthancPeer, scratch: Path) -> str:
    phantom = xray_phantom(4, opacity=False, size_px=(1000, 1000))
    study, pixels = _radiograph(phantom, "shots nothing", scratch / "nothing")
    _store(archive, study, pixels, (), scratch / "nothing-results")
    return study.study_instance_uid


def _radiograph(phantom: XrayPhantom, key: str, directory: Path) -> tuple[Study, Radiograph]:
    files = write_datasets([radiograph(phantom, Origin(key=key, description="Thorax"))], directory)
    study = assemble_study(read_header(path).at(path) for path in files)
    return study, read_radiograph(study.instances[0])


def _store(
    archive: OrthancPeer, study: Study, pixels: Volume | Radiograph, findings: tuple[Finding, ...], directory: Path
) -> None:
    report = Report(
        study_instance_uid=study.study_instance_uid,
        generation=1,
        outcome=Outcome.FINDING if findings else Outcome.NO_FINDING,
        algorithm=AlgorithmIdentity(name="demonstration", version="1.0", digest="ab" * 32),
        findings=findings,
        source_uids=tuple(one.sop_instance_uid for one in study.instances),
        scores={} if findings else {"Fortætning": 0.08},
        created_at="2026-01-02T03:04:05+00:00",
        language="da",
    )
    profiles = (_PROFILE,) if findings else _PROFILES_OF_NOTHING
    written = write_results(report, study, pixels, profiles, directory)
    address = DicomAddress(host="127.0.0.1", port=archive.dicom_port, ae_title=archive.ae_title)
    StoreScu(address).send([*(one.path for one in study.instances), *(one.path for one in written)])


#: What is alike in all findings.
_FOUND: dict[str, Any] = {
    "key": "f-1",
    "label": "finding",
    "site": LUNG,
    "tracking_uid": "2.25.1",
    "probability": 0.87,
    "threshold": 0.5,
}


@contextmanager
def _viewer(dist: Path, archive: OrthancPeer) -> Iterator[str]:
    """OHIF and the archive's DICOMweb under one origin; its URL."""
    (port,) = free_ports(1)
    # Orthanc closes a kept connection just when it is used again.
    client = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{archive.http_port}", timeout=60, limits=httpx.Limits(max_keepalive_connections=0)
    )

    async def answer(request: Request) -> Response:
        path = request.url.path
        if path.startswith(("/dicom-web", "/wado")):
            headers = {key: value for key, value in request.headers.items() if key in ("accept", "content-type")}
            found = await client.request(
                request.method, path, params=request.query_params, headers=headers, content=await request.body()
            )
            kind = found.headers.get("content-type", "application/octet-stream")
            return Response(found.content, found.status_code, headers={"content-type": kind} | _ISOLATED)
        if path == "/app-config.js":
            return Response(_CONFIGURATION, media_type="text/javascript", headers=_ISOLATED)
        file = dist / path.lstrip("/")
        if not file.is_file() and file.suffix:
            return Response(status_code=404)
        return FileResponse(file if file.is_file() else dist / "index.html", headers=_ISOLATED)

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


_ISOLATED = {"cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp"}


def _shoot(url: str, shown: Shown, out: Path) -> None:
    chromium = find_program("chromium", "apt-get install chromium")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=[*_FLAGS], viewport={"width": 1280, "height": 800}
        )
        page = context.pages[0]
        page.set_default_timeout(_PATIENCE_MS)
        page.on("pageerror", lambda error: print(f"{shown.name}: the viewer stumbled: {error}"))
        page.goto(f"{url}/viewer?StudyInstanceUIDs={shown.study_uid}", wait_until="domcontentloaded")
        _open(page, shown)
        picture = Image.open(io.BytesIO(page.screenshot()))
        context.close()
    # A picture of a page has few colours: a fifth of the bytes, and nobody sees the difference.
    few = picture.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE)
    few.save(out / f"{shown.name}.png", optimize=True)
    print(out / f"{shown.name}.png")


def _open(page: Page, shown: Shown) -> None:
    page.get_by_text(shown.series).first.wait_for()
    # The viewer says nowhere when it has drawn; software rendering takes seconds.
    page.wait_for_timeout(12_000)
    skip = page.get_by_text("Skip all")
    if skip.count():
        skip.first.click()
    page.get_by_text(shown.series).first.dblclick()
    if shown.answer:
        page.get_by_text(shown.answer, exact=True).first.click()
    page.wait_for_timeout(12_000)
    for _ in range(shown.slices):
        page.keyboard.press("ArrowDown")
    # It takes a Secondary Capture for a film, and lays its player over the picture; "c" puts that away.
    if page.get_by_text("FPS").count():
        page.keyboard.press("c")
    page.wait_for_timeout(2_000)


if __name__ == "__main__":
    main()
