/* verify_text: what a finding means, as a class and as a sentence.
 *
 * One table; the numbers of a finding are put where the sentence has a `#` (record) or a `@` (byte
 * of the wire file).
 */
#include "proto/must.h"
#include "storage/decimal.h"
#include "storage/verify.h"

static const struct meaning {
    enum verify_class verify_class;
    const char *sentence;
} meanings[] = {
    [VERIFY_TORN_TAIL] = {VERIFY_NORMAL, "from record # on, the index holds what a crash left of a "
                                         "delivery or UPDATE that was never answered"},
    [VERIFY_MOVED_MARK] = {VERIFY_NORMAL, "record # marks a compaction that was interrupted"},
    [VERIFY_INDEX_LOST] = {VERIFY_STRUCTURE, "the index is lost, but there is mail; a repair finds "
                                             "the messages again, but not their UIDLs"},
    [VERIFY_HEADER_DAMAGED] = {VERIFY_STRUCTURE, "the header of the index is damaged"},
    [VERIFY_WIRES_AMBIGUOUS] = {VERIFY_STRUCTURE,
                                "there are several wire files and no index that names one of them; "
                                "move the wrong one away and verify again"},
    [VERIFY_WIRE_MISSING] = {VERIFY_STRUCTURE,
                             "the wire file that the index names is missing; restore it"},
    [VERIFY_RECORD_DAMAGED] = {VERIFY_STRUCTURE, "record # of the index is damaged"},
    [VERIFY_CHAIN_BROKEN] = {VERIFY_STRUCTURE, "record # does not follow from the one before"},
    [VERIFY_GROUP_BROKEN] = {VERIFY_STRUCTURE,
                             "record # does not belong to the group that it is in"},
    [VERIFY_TOTALS_WRONG] = {VERIFY_STRUCTURE, "record # counts the messages or octets wrongly"},
    [VERIFY_EXPUNGE_WRONG] = {VERIFY_STRUCTURE,
                              "record # removes messages that cannot have been there"},
    [VERIFY_MESSAGE_OUTSIDE] = {VERIFY_CONTENT, "the message of record # at byte @ reaches beyond "
                                                "the end of the wire file"},
    [VERIFY_MESSAGE_OVERLAPS] = {VERIFY_CONTENT, "the message of record # at byte @ begins before "
                                                 "the end of the one before"},
    [VERIFY_MESSAGE_DAMAGED] = {VERIFY_CONTENT,
                                "the message of record # at byte @ of the wire file is damaged; it "
                                "is kept and refused to clients"},
    [VERIFY_UIDL_TWICE] = {VERIFY_CONTENT,
                           "the message of record # has the UIDL of an earlier one"},
    [VERIFY_MESSAGE_REBUILT] = {VERIFY_DONE, "the message at byte @ is there again as record #, "
                                             "with a new UIDL, since its old one is lost"},
    [VERIFY_MESSAGES_BACK] =
        {VERIFY_DONE, "record # had removed messages; which ones is lost, so they are back"},
    [VERIFY_BYTES_SET_ASIDE] = {VERIFY_DONE, "bytes from @ on are no whole message; they are kept "
                                             "in wire.damaged-N beside the maildrop"},
};

void verify_text(const struct verify_finding *finding, char out_text[VERIFY_TEXT_BYTES])
{
    must(finding->kind < sizeof(meanings) / sizeof(*meanings));
    uint32_t length = 0;
    for (const char *at = meanings[finding->kind].sentence; *at != '\0'; at++) {
        must(length < VERIFY_TEXT_BYTES - DECIMAL_BYTES_MAX);
        if (*at == '#')
            length += decimal_write(finding->ordinal, out_text + length);
        else if (*at == '@')
            length += decimal_write(finding->offset, out_text + length);
        else
            out_text[length++] = *at;
    }
    out_text[length] = '\0';
}

enum verify_class verify_class_of(enum verify_kind kind)
{
    must(kind < sizeof(meanings) / sizeof(*meanings));
    return meanings[kind].verify_class;
}
