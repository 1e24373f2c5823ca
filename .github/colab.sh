#!/usr/bin/env bash
# Runs inside Colab's own image: each notebook alone in an empty folder, with the library built from a checkout.
# Nothing but what the setup cell asks for is installed, and torch and numpy must stay as they came.
set -euo pipefail
checkout=$(cd "$1" && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)

cp -r "$checkout" "$work/source"
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$work/wheel" "$work/source"
VDSR_LIB_SPEC=$(echo "$work"/wheel/vdsr_lib-*.whl)
export VDSR_LIB_SPEC
"$python" -m pip install --quiet papermill

versions() { "$python" -m pip list --format=freeze | grep -E '^(torch|numpy|scikit-image|ipywidgets)=='; }
before=$(versions)
echo "$before"
failed=0
while read -r notebook; do
  alone=$(mktemp -d)
  cp "$checkout/$notebook" "$alone/notebook.ipynb"
  echo "::group::$notebook"
  if ! (cd "$alone" && "$python" -m papermill --language python -k python3 notebook.ipynb out.ipynb); then
    echo "::error::$notebook fails in Colab's runtime"
    failed=1
  fi
  echo "::endgroup::"
done < <(cd "$checkout" && find book/notebooks -name '*.ipynb' | sort)
if [ "$before" != "$(versions)" ]; then
  echo "::error::the notebooks changed Colab's own packages:"
  versions
  failed=1
fi
exit "$failed"
