# rulemill_protobuf (library): generate C from proto/*.proto into library.
find_program (PROTOC_C protoc-c REQUIRED)
function (rulemill_protobuf library)
    file (GLOB protos CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/proto/*.proto)
    set (out ${PROJECT_BINARY_DIR}/generated/proto)
    file (MAKE_DIRECTORY ${out})
    foreach (proto ${protos})
        get_filename_component (stem ${proto} NAME_WE)
        add_custom_command (OUTPUT ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h DEPENDS ${protos}
            COMMAND ${PROTOC_C} --proto_path=${PROJECT_SOURCE_DIR} --c_out=${PROJECT_BINARY_DIR}/generated proto/${stem}.proto
            WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        list (APPEND generated ${out}/${stem}.pb-c.c)
    endforeach ()
    set_source_files_properties (${generated} PROPERTIES COMPILE_OPTIONS "-w")
    target_sources (${library} PRIVATE ${generated})
endfunction ()
