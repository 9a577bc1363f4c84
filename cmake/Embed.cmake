# rulemill_embed (library file symbol): the bytes of file become
# `const unsigned char symbol []` and `const size_t symbol_len` in library.
function (rulemill_embed library file symbol)
    set (out ${PROJECT_BINARY_DIR}/generated/${symbol}.c)
    add_custom_command (OUTPUT ${out} DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake
        COMMAND ${CMAKE_COMMAND} -DFILE=${file} -DSYMBOL=${symbol} -DOUT=${out} -P ${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake)
    target_sources (${library} PRIVATE ${out})
endfunction ()
