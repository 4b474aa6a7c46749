# Compiles every snippet of the READMEs and makes it a test, snippet/NAME: the program must succeed and print exactly
# the block that follows it. snippets.awk takes them out of the text.
set(readmes)
foreach(folder . engine engine/cpu engine/program solvers models experiments tests bench)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${folder}/README.md)
    list(APPEND readmes ${PROJECT_SOURCE_DIR}/${folder}/README.md)
  endif()
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${readmes} snippets.awk)

set(fresh ${CMAKE_CURRENT_BINARY_DIR}/snippets_fresh)
set(folder ${CMAKE_CURRENT_BINARY_DIR}/snippets)
file(REMOVE_RECURSE ${fresh})
file(MAKE_DIRECTORY ${fresh} ${folder})
set(names)
if(readmes)
  execute_process(COMMAND awk -v folder=${fresh} -f ${CMAKE_CURRENT_SOURCE_DIR}/snippets.awk ${readmes}
                  OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^ \n]+\n" names "${listing}")
endif()

foreach(name ${names})
  string(STRIP ${name} name)
  # Unchanged programs keep their time stamps and are not compiled again.
  file(COPY_FILE ${fresh}/${name}.cpp ${folder}/${name}.cpp ONLY_IF_DIFFERENT)
  if(EXISTS ${fresh}/${name}.expected)
    file(COPY_FILE ${fresh}/${name}.expected ${folder}/${name}.expected ONLY_IF_DIFFERENT)
  else()
    file(REMOVE ${folder}/${name}.expected)
  endif()
  add_executable(snippet_${name} ${folder}/${name}.cpp)
  target_link_libraries(snippet_${name} PRIVATE brenier)
  add_test(NAME snippet/${name} COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/run_snippet.sh $<TARGET_FILE:snippet_${name}>
           ${folder}/${name}.expected)
  set_tests_properties(snippet/${name} PROPERTIES LABELS snippets TIMEOUT 120)
endforeach()
