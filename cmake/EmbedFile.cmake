file (READ ${FILE} hex HEX)
string (REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file (SIZE ${FILE} size)
file (WRITE ${OUT} "#include <stddef.h>\nextern const unsigned char ${SYMBOL} [];\nextern const size_t ${SYMBOL}_len;\nconst unsigned char ${SYMBOL} [] = { ${bytes} 0 };\nconst size_t ${SYMBOL}_len = ${size};\n")
