# One test a chapter: its numbers meet its expect.json, and every planted bug fails the check that is to catch it. Then
# the texts are compared with what was run.
set(runs ${PROJECT_BINARY_DIR}/book/runs)
foreach(chapter ${LAT_CHAPTERS})
  add_test(NAME book.${chapter} COMMAND book_check ${PROJECT_SOURCE_DIR}/tools/book/${chapter}
           $<TARGET_FILE:book_${chapter}> ${runs})
  set_tests_properties(book.${chapter} PROPERTIES LABELS book FIXTURES_SETUP book_runs TIMEOUT 300)
endforeach()
add_test(NAME book.weave COMMAND weave ${PROJECT_SOURCE_DIR} ${runs})
set_tests_properties(book.weave PROPERTIES LABELS book FIXTURES_REQUIRED book_runs)
set_tests_properties(tools.weave PROPERTIES FIXTURES_REQUIRED book_runs)
