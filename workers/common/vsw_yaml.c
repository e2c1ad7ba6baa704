/*
 * Positions in YAML, by libyaml's document tree.
 */

#include "vsw_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>


static int          vsw_yaml_load(const char *file, yaml_document_t *document);
static yaml_node_t *vsw_yaml_step(yaml_document_t *document, yaml_node_t *node,
                                  const char **path);
static yaml_node_t *vsw_yaml_field(yaml_document_t *document,
                                   yaml_node_t *mapping, const char *name,
                                   size_t length);
static yaml_node_t *vsw_yaml_entry(yaml_document_t *document,
                                   yaml_node_t *sequence, size_t index);


int
vsw_yaml_locate(const char *file, const char *path, size_t *line,
                size_t *column)
{
    yaml_document_t document;
    yaml_node_t    *node;
    int             rc = -1;

    *line = 1;
    *column = 1;

    if (vsw_yaml_load(file, &document) != 0) {
        return -1;
    }

    node = yaml_document_get_root_node(&document);

    while (node != NULL) {
        *line = node->start_mark.line + 1;
        *column = node->start_mark.column + 1;

        if (*path == '\0') {
            rc = 0;
            break;
        }

        node = vsw_yaml_step(&document, node, &path);
    }

    yaml_document_delete(&document);

    return rc;
}


int
vsw_yaml_locate_key(const char *file, const char *name, size_t from,
                    size_t *line, size_t *column)
{
    yaml_document_t   document;
    yaml_node_t      *node, *key;
    yaml_node_pair_t *pair;
    int               i, rc = -1;

    *line = 1;
    *column = 1;

    if (vsw_yaml_load(file, &document) != 0) {
        return -1;
    }

    /* Nodes are numbered from 1, in the order in which they begin. */
    for (i = 1;
         rc != 0 && (node = yaml_document_get_node(&document, i)) != NULL; i++)
    {
        if (node->type != YAML_MAPPING_NODE) {
            continue;
        }

        for (pair = node->data.mapping.pairs.start;
             rc != 0 && pair < node->data.mapping.pairs.top; pair++)
        {
            key = yaml_document_get_node(&document, pair->key);

            if (key != NULL && key->type == YAML_SCALAR_NODE
                && key->start_mark.line + 1 >= from
                && strcmp((const char *) key->data.scalar.value, name) == 0)
            {
                *line = key->start_mark.line + 1;
                *column = key->start_mark.column + 1;
                rc = 0;
            }
        }
    }

    yaml_document_delete(&document);

    return rc;
}


static int
vsw_yaml_load(const char *file, yaml_document_t *document)
{
    yaml_parser_t parser;
    FILE         *stream;
    int           rc;

    stream = fopen(file, "re");
    if (stream == NULL) {
        return -1;
    }

    if (!yaml_parser_initialize(&parser)) {
        fclose(stream);
        return -1;
    }

    yaml_parser_set_input_file(&parser, stream);
    rc = yaml_parser_load(&parser, document) ? 0 : -1;
    yaml_parser_delete(&parser);
    fclose(stream);

    return rc;
}


static yaml_node_t *
vsw_yaml_step(yaml_document_t *document, yaml_node_t *node, const char **path)
{
    const char *name = *path;
    char       *end;
    size_t      index, length;

    if (*name == '[') {
        index = strtoul(name + 1, &end, 10);
        *path = *end == ']' ? end + 1 : end;
        *path += **path == '.';
        return vsw_yaml_entry(document, node, index);
    }

    length = strcspn(name, ".[");
    *path = name + length;
    *path += **path == '.';

    return vsw_yaml_field(document, node, name, length);
}


static yaml_node_t *
vsw_yaml_field(yaml_document_t *document, yaml_node_t *mapping,
               const char *name, size_t length)
{
    yaml_node_pair_t *pair;
    yaml_node_t      *key;

    if (mapping->type != YAML_MAPPING_NODE) {
        return NULL;
    }

    for (pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++)
    {
        key = yaml_document_get_node(document, pair->key);

        if (key != NULL && key->type == YAML_SCALAR_NODE
            && key->data.scalar.length == length
            && memcmp(key->data.scalar.value, name, length) == 0)
        {
            return yaml_document_get_node(document, pair->value);
        }
    }

    return NULL;
}


static yaml_node_t *
vsw_yaml_entry(yaml_document_t *document, yaml_node_t *sequence, size_t index)
{
    yaml_node_item_t *items;

    if (sequence->type != YAML_SEQUENCE_NODE) {
        return NULL;
    }

    items = sequence->data.sequence.items.start;

    if (index >= (size_t) (sequence->data.sequence.items.top - items)) {
        return NULL;
    }

    return yaml_document_get_node(document, items[index]);
}
