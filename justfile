# Everything a developer runs; one line each.

# Start everything in one process on http://127.0.0.1:8080
run *arguments:
    cargo run --release -- {{arguments}}

# Run every test, on both shapes and both databases
test:
    tests/run.sh

# Check style, lints, licences and contracts
lint:
    tests/lint.sh

# Format the code
fmt:
    cargo fmt --all

# Measure both shapes against a bare handler
bench *arguments:
    tests/bench.sh {{arguments}}

# Break what it stands on, and say which promises it keeps
faults *arguments:
    tests/faults.sh {{arguments}}

# Validate the manifests without a cluster
deploy-check:
    deploy/check.sh

# What CI runs
verify: lint test
