package millrace;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.Properties;

/**
 * Reads all rows of statements with a driver of Presto or Trino: URL and user are its arguments, each line of input is a statement, each line
 * of output what reading it took: rows, milliseconds until there were columns, milliseconds from then to the last row, processor milliseconds.
 */
public final class ReadRows {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", args[1]);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        try (Connection connection = DriverManager.getConnection(args[0], properties)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                System.out.println(read(connection, line));
            }
        }
    }

    private static String read(Connection connection, String text) throws Exception {
        long cpu = cpuNanos();
        long started = System.nanoTime();
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(text)) {
            int columns = rows.getMetaData().getColumnCount();
            long begun = System.nanoTime();
            long count = 0;
            long found = 0;
            while (rows.next()) {
                count++;
                for (int i = 1; i <= columns; i++) {
                    if (rows.getObject(i) != null) {
                        found++;
                    }
                }
            }
            long ended = System.nanoTime();
            if (found == 0 && count > 0) {
                throw new IllegalStateException("rows without values");
            }
            return count + " " + (begun - started) / 1e6 + " " + (ended - begun) / 1e6 + " " + (cpuNanos() - cpu) / 1e6;
        }
    }

    private static long cpuNanos() {
        return ((com.sun.management.OperatingSystemMXBean) java.lang.management.ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }
}
