#!/usr/bin/env bats
# make flat-tests on a tiny guest in the manner of the public suite (tests/guests/suite.S): how it is run and judged
# SPDX-License-Identifier: MIT

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return
    local dir=$BATS_FILE_TMPDIR/images
    mkdir "$dir"
    cp build/guests/suite.bin "$dir/suite.flat"
    cp build/guests/suite.bin "$dir/alone.flat"
    cat >"$dir/unittests.cfg" <<-END
		[good]
		file = suite.flat
		[bad]
		file = suite.flat
		test_args = "fail"
		qemu_params = -cpu max -m 64
		[idle]
		file = suite.flat
		test_args = 'skip'
		[crash]
		file = suite.flat
		test_args = crash
		[two]
		file = suite.flat
		smp = 2
		[kvm]
		file = suite.flat
		check = /sys/module/kvm/parameters/something=Y
		[elsewhere]
		file = not-there.flat
	END
    scripts/flat-tests "$dir" >"$BATS_FILE_TMPDIR/tap" || echo $? >"$BATS_FILE_TMPDIR/status"
}

# says LINE...: these lines follow each other
says() {
    local tap
    tap=$(<"$BATS_FILE_TMPDIR/tap")
    echo "$tap"
    [[ $'\n'$tap$'\n' == *$'\n'"$(printf '%s\n' "$@")"$'\n'* ]]
}

@test "an image that a list names, and one that it does not name" {
    says "1..7" "ok 1 - good (4 passed)"
    says "ok 7 - alone (4 passed)"
}

@test "what fails is shown" {
    says "not ok 2 - bad (4 passed)" "#   FAIL: as wanted" "#   it ended with 3, expected 0"
    [ "$(<"$BATS_FILE_TMPDIR/status")" -eq 1 ]
}

@test "what skips itself, and what is left out" {
    says "ok 3 - idle # SKIP by itself: nothing to do"
    says "ok 5 - two # SKIP it needs 2 processors" "ok 6 - kvm # SKIP it is about a parameter of the KVM module"
}

@test "a guest that dies without a word is not good" {
    says "not ok 4 - crash (0 passed)" "#   it ended with 3, expected 0"
}

@test "a folder without images" {
    run scripts/flat-tests tests/lib
    [ "$status" -eq 2 ]
    [ "$output" = "scripts/flat-tests: there is no *.flat in $PWD/tests/lib" ]
}
