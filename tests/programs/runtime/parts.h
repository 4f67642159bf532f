// The runtime's tests.
// SPDX-License-Identifier: MIT
#pragma once

void test_library(void); // newlib on our glue
void test_threads(void); // threads, locks, sleeping
void test_server(void);  // the server loop
