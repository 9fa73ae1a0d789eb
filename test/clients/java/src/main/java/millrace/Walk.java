package millrace;

import com.treasuredata.client.ExponentialBackOff;
import com.treasuredata.client.TDClient;
import com.treasuredata.client.TDClientHttpConflictException;
import com.treasuredata.client.model.TDBulkImportSession;
import com.treasuredata.client.model.TDJob;
import com.treasuredata.client.model.TDJobRequest;
import com.treasuredata.client.model.TDJobSummary;
import com.treasuredata.client.model.TDResultFormat;
import com.treasuredata.client.model.TDTable;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/** One walk with the real td-client-java: host, port, key and two msgpack.gz files are its arguments. Fails loudly. */
public final class Walk {
    public static void main(String[] args) throws Exception {
        TDClient client = TDClient.newBuilder(false)
            .setEndpoint(args[0]).setPort(Integer.parseInt(args[1])).setUseSSL(false).setApiKey(args[2]).build();
        expect("server status", client.serverStatus().contains("ok"));
        client.createDatabase("javawalk");
        boolean conflict = false;
        try {
            client.createDatabase("javawalk");
        } catch (TDClientHttpConflictException e) {
            conflict = true;
        }
        expect("a second create is a conflict", conflict);
        expect("the database is listed", client.listDatabaseNames().contains("javawalk"));
        client.createTable("javawalk", "boats");
        expect("the table exists", client.existsTable("javawalk", "boats"));
        expect("an unknown table does not", !client.existsTable("javawalk", "nowhere"));
        client.importFile("javawalk", "boats", Path.of(args[3]).toFile(), "java-1");
        client.importFile("javawalk", "boats", Path.of(args[3]).toFile(), "java-1");

        long rows = 0;
        for (int i = 0; i < 300 && rows < 3; i++) {
            Thread.sleep(50);
            TDTable table = client.listTables("javawalk").get(0);
            rows = table.getRowCount();
        }
        expect("three rows, stored once, not " + rows, rows == 3);

        String id = client.submit(TDJobRequest.newPrestoQuery("javawalk", "SELECT name, length FROM boats ORDER BY length"));
        ExponentialBackOff backOff = new ExponentialBackOff();
        TDJobSummary status = client.jobStatus(id);
        while (!status.getStatus().isFinished()) {
            Thread.sleep(Math.min(200, backOff.nextWaitTimeMillis()));
            status = client.jobStatus(id);
        }
        expect("the job succeeded, not " + status.getStatus(), status.getStatus() == TDJob.Status.SUCCESS);
        TDJob job = client.jobInfo(id);
        expect("its schema, not " + job.getResultSchema(), job.getResultSchema().get().equals("[[\"name\",\"varchar\"],[\"length\",\"double\"]]"));
        String csv = client.jobResult(id, TDResultFormat.CSV, (Function<InputStream, String>) input -> read(new BufferedReader(new InputStreamReader(input, StandardCharsets.UTF_8))));
        expect("its result, not " + csv, csv.equals("dinghy,3.5|sloop,9.25|schooner,31.5"));

        client.renameTable("javawalk", "boats", "ships");
        expect("the rename is listed", client.existsTable("javawalk", "ships"));
        expect("the key is validated", List.of("master").contains(client.validateApiKey().getKeyType().toString().toLowerCase()));
        bulkImport(client, Path.of(args[3]), Path.of(args[4]));
        client.deleteTable("javawalk", "ships");
        client.deleteDatabase("javawalk");
        System.out.println("walked");
    }

    /** The second file has one record of two without a time. */
    private static void bulkImport(TDClient client, Path boats, Path faulty) throws Exception {
        String session = "java_bulk";
        client.createBulkImportSession(session, "javawalk", "ships");
        boolean conflict = false;
        try {
            client.createBulkImportSession(session, "javawalk", "ships");
        } catch (TDClientHttpConflictException e) {
            conflict = true;
        }
        expect("a second session of the name is a conflict", conflict);
        client.uploadBulkImportPart(session, "task-0_0", boats.toFile());
        client.uploadBulkImportPart(session, "task-1_0", boats.toFile());
        client.uploadBulkImportPart(session, "task-1_0", faulty.toFile());
        client.uploadBulkImportPart(session, "task-2_0", boats.toFile());
        client.deleteBulkImportPart(session, "task-2_0");
        List<String> parts = client.listBulkImportParts(session);
        expect("two parts, not " + parts, parts.equals(List.of("task-0_0", "task-1_0")));
        client.freezeBulkImportSession(session);
        client.unfreezeBulkImportSession(session);
        client.freezeBulkImportSession(session);
        expect("it is frozen", client.getBulkImportSession(session).isUploadFrozen());

        client.performBulkImportSession(session);
        TDBulkImportSession seen = client.getBulkImportSession(session);
        for (int i = 0; i < 600 && seen.getStatus() == TDBulkImportSession.ImportStatus.PERFORMING; i++) {
            Thread.sleep(50);
            seen = client.getBulkImportSession(session);
        }
        expect("it is ready, not " + seen.getStatus(), seen.getStatus() == TDBulkImportSession.ImportStatus.READY);
        expect("four records are good, one is not", seen.getValidRecords() == 4 && seen.getErrorRecords() == 1);
        expect("both parts are good", seen.getValidParts() == 2 && seen.getErrorParts() == 0);
        expect("its job succeeded", client.jobStatus(seen.getJobId()).getStatus() == TDJob.Status.SUCCESS);
        int[] magic = client.getBulkImportErrorRecords(session, (Function<InputStream, int[]>) input -> firstBytes(input));
        expect("its error records are gzip", magic[0] == 0x1f && magic[1] == 0x8b);
        expect("nothing is there before the commit", client.listTables("javawalk").get(0).getRowCount() == 3);

        client.commitBulkImportSession(session);
        expect("it is committed", client.getBulkImportSession(session).getStatus() == TDBulkImportSession.ImportStatus.COMMITTED);
        client.commitBulkImportSession(session);
        long rows = 0;
        for (int i = 0; i < 300 && rows < 7; i++) {
            Thread.sleep(50);
            rows = client.listTables("javawalk").get(0).getRowCount();
        }
        expect("seven rows, not " + rows, rows == 7);
        client.deleteBulkImportSession(session);
        expect("the session is gone", client.listBulkImportSessions().stream().noneMatch(one -> one.getName().equals(session)));
    }

    private static int[] firstBytes(InputStream input) {
        try {
            return new int[] {input.read(), input.read()};
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static String read(BufferedReader reader) {
        return String.join("|", reader.lines().toArray(String[]::new));
    }

    private static void expect(String what, boolean holds) {
        if (!holds) throw new AssertionError(what);
    }
}
