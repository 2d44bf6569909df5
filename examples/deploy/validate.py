"""Checks Kubernetes manifests against Kubernetes' published schemas, and takes the configuration out.

Requirements (pinned; `cargo xtask deploy` installs them): kubernetes-validate==1.37.0, which holds the
schemas.

Run: python validate.py MANIFESTS.yaml [CONFIG.yaml]

Unknown fields are faults. Custom resources (ServiceMonitor, PrometheusRule) have no schema here and
are only counted. With CONFIG.yaml the configuration in the ConfigMap is written there.
"""

import sys

import kubernetes_validate
import yaml

VERSIONS = ("1.28", "1.33")


def main(manifests: str, config: str | None = None) -> None:
    with open(manifests, encoding="utf-8") as file:
        objects = [document for document in yaml.safe_load_all(file) if document]
    custom = [o["kind"] for o in objects if "coreos.com" in o["apiVersion"]]
    known = [o for o in objects if "coreos.com" not in o["apiVersion"]]
    for version in VERSIONS:
        for document in known:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                sys.exit(f"{manifests}: {document['kind']}: {'.'.join(map(str, error.path))}: {error.message}")
    names = {(o["kind"], o["metadata"]["name"]) for o in objects}
    if len(names) != len(objects):
        sys.exit(f"{manifests}: two objects of one kind share a name")
    print(f"{manifests}: {len(known)} objects fit Kubernetes {' and '.join(VERSIONS)}; no schema for {custom}")
    if config:
        (text,) = (o["data"]["bongsu.yaml"] for o in objects if o["kind"] == "ConfigMap")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
