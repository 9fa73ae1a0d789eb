package millrace;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** One walk with a real driver of Presto or Trino: URL, key, trust store and its password are its arguments. Fails loudly. */
public final class Jdbc {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", args[1]);
        properties.setProperty("SSL", "true");
        properties.setProperty("SSLTrustStorePath", args[2]);
        properties.setProperty("SSLTrustStorePassword", args[3]);
        try (Connection connection = DriverManager.getConnection(args[0], properties)) {
            metadata(connection);
            types(connection);
            moreTypes(connection);
            prepared(connection);
            session(connection);
            transaction(connection);
            writes(connection);
            errors(connection);
            timeLimit(connection);
            cancel(connection);
            many(connection);
        }
        wrongKey(args[0], properties);
        System.out.println("walked");
    }

    /** Everything BI tools ask of DatabaseMetaData. */
    private static void metadata(Connection connection) throws SQLException {
        DatabaseMetaData data = connection.getMetaData();
        expect("catalogs", column(data.getCatalogs(), "TABLE_CAT").contains("td-presto"));
        expect("schemas", column(data.getSchemas(), "TABLE_SCHEM").contains("shop"));
        expect("one schema by pattern", column(data.getSchemas("td-presto", "my\\_db"), "TABLE_SCHEM").equals(List.of("my_db")));
        expect("tables", column(data.getTables("td-presto", "shop", "%", null), "TABLE_NAME").contains("orders"));
        expect("tables of a type", column(data.getTables("td-presto", "shop", "orders", new String[] {"TABLE"}), "TABLE_NAME").equals(List.of("orders")));
        expect("no tables of another type", column(data.getTables("td-presto", "shop", "orders", new String[] {"VIEW"}), "TABLE_NAME").isEmpty());
        List<String> names = column(data.getColumns("td-presto", "shop", "orders", "%"), "COLUMN_NAME");
        expect("columns, not " + names, names.containsAll(List.of("name", "amount", "time")));
        try (ResultSet columns = data.getColumns("td-presto", "shop", "orders", "time")) {
            expect("the time column", columns.next());
            expect("its type", columns.getInt("DATA_TYPE") == Types.BIGINT);
            expect("its type's name", columns.getString("TYPE_NAME").equals("bigint"));
        }
        expect("table types", column(data.getTableTypes(), "TABLE_TYPE").containsAll(List.of("TABLE", "VIEW")));
        expect("types", column(data.getTypeInfo(), "TYPE_NAME").contains("bigint"));
        ifOffered(() -> data.getPrimaryKeys("td-presto", "shop", "orders"));
        ifOffered(() -> data.getIndexInfo("td-presto", "shop", "orders", false, true));
        ifOffered(() -> data.getImportedKeys("td-presto", "shop", "orders"));
        drain(data.getProcedures("td-presto", "%", "%"));
        drain(data.getProcedureColumns("td-presto", "%", "%", "%"));
        drain(data.getUDTs("td-presto", "%", "%", null));
        drain(data.getSuperTypes("td-presto", "%", "%"));
        drain(data.getSuperTables("td-presto", "%", "%"));
        drain(data.getAttributes("td-presto", "%", "%", "%"));
        drain(data.getPseudoColumns("td-presto", "%", "%", "%"));
        ifOffered(() -> data.getExportedKeys("td-presto", "shop", "orders"));
        ifOffered(() -> data.getCrossReference("td-presto", "shop", "orders", "td-presto", "shop", "orders"));
        ifOffered(() -> data.getBestRowIdentifier("td-presto", "shop", "orders", DatabaseMetaData.bestRowSession, true));
        ifOffered(() -> data.getVersionColumns("td-presto", "shop", "orders"));
        ifOffered(() -> data.getColumnPrivileges("td-presto", "shop", "orders", "%"));
        ifOffered(() -> data.getTablePrivileges("td-presto", "shop", "orders"));
        ifOffered(() -> data.getFunctions("td-presto", "shop", "%"));
        ifOffered(() -> data.getFunctionColumns("td-presto", "shop", "%", "%"));
        expect("no columns of a table that does not exist", column(data.getColumns("td-presto", "shop", "nope", null), "COLUMN_NAME").isEmpty());
        expect("a table by pattern", column(data.getTables(null, "sh%", "ord_rs", null), "TABLE_NAME").equals(List.of("orders")));
        expect("no database of another catalog", column(data.getSchemas("nope", "%"), "TABLE_SCHEM").isEmpty());
        expect("a product name", !data.getDatabaseProductName().isEmpty());
        expect("a product version", !data.getDatabaseProductVersion().isEmpty());
    }

    /** A value of every type comes back as what the driver makes of it. */
    private static void types(Connection connection) throws SQLException {
        String query = "SELECT true, TINYINT '-7', SMALLINT '300', 70000, BIGINT '9223372036854775807', REAL '1.5', DOUBLE '2.5E10',"
            + " DECIMAL '12345678901234567.89', 'text é 日', CAST('ab' AS char(4)), X'00ff', DATE '2020-02-29', TIME '01:02:03.456',"
            + " TIMESTAMP '2020-01-02 03:04:05.678', TIMESTAMP '2020-01-02 03:04:05.678 Asia/Tokyo', INTERVAL '2' DAY, INTERVAL '15' MONTH,"
            + " JSON '{\"a\":[1,2]}', ARRAY[1,2,NULL], MAP(ARRAY['k'], ARRAY[1.5]), CAST(ROW(1,'x') AS ROW(a bigint, b varchar)), NULL, nan()";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(query)) {
            expect("one row", rows.next());
            expect("boolean", rows.getBoolean(1));
            expect("tinyint", rows.getByte(2) == -7);
            expect("smallint", rows.getShort(3) == 300);
            expect("integer", rows.getInt(4) == 70000);
            expect("bigint", rows.getLong(5) == Long.MAX_VALUE);
            expect("real", rows.getFloat(6) == 1.5f);
            expect("double", rows.getDouble(7) == 2.5e10);
            expect("decimal", rows.getBigDecimal(8).equals(new BigDecimal("12345678901234567.89")));
            expect("varchar", rows.getString(9).equals("text é 日"));
            expect("char, not '" + rows.getString(10) + "'", rows.getString(10).equals("ab  "));
            expect("varbinary", Arrays.equals(rows.getBytes(11), new byte[] {0, (byte) 0xff}));
            expect("date", rows.getDate(12).equals(Date.valueOf("2020-02-29")));
            expect("time", rows.getTime(13) != null);
            expect("timestamp, not " + rows.getTimestamp(14), rows.getTimestamp(14).equals(Timestamp.valueOf("2020-01-02 03:04:05.678")));
            expect("timestamp with zone", rows.getTimestamp(15).toInstant().toString().equals("2020-01-01T18:04:05.678Z"));
            expect("interval of days, not " + rows.getObject(16), rows.getObject(16).toString().equals("2 00:00:00.000"));
            expect("interval of months, not " + rows.getObject(17), rows.getObject(17).toString().equals("1-3"));
            expect("json", rows.getString(18).equals("{\"a\":[1,2]}"));
            expect("array", Arrays.asList((Object[]) rows.getArray(19).getArray()).equals(Arrays.asList(1, 2, null)));
            expect("map", ((Map<?, ?>) rows.getObject(20)).get("k").toString().equals("1.5"));
            expect("row", rows.getObject(21) != null);
            expect("null", rows.getObject(22) == null && rows.wasNull());
            expect("nan", Double.isNaN(rows.getDouble(23)));
            ResultSetMetaData types = rows.getMetaData();
            expect("precision and scale", types.getPrecision(8) == 19 && types.getScale(8) == 2);
            expect("a label", types.getColumnLabel(1).equals("_col0"));
        }
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT 1 AS one WHERE false")) {
            expect("columns without rows", rows.getMetaData().getColumnLabel(1).equals("one") && !rows.next());
        }
    }

    /** Types of newer and rarer kinds, as the text that every driver makes of them. */
    private static void moreTypes(Connection connection) throws SQLException {
        String query = "SELECT DECIMAL '-99999999999999999999999999999999999999', UUID '12151fd2-7586-11e9-8f9e-2a86e4085a59', IPADDRESS '10.0.0.1',"
            + " DATE '0001-01-01', BIGINT '-9223372036854775808', CAST(-0.0 AS double), infinity(), '', X'', ARRAY[ARRAY['a'], NULL],"
            + " ARRAY[CAST(ROW(1, ARRAY['x']) AS ROW(a bigint, b array(varchar)))], MAP(ARRAY[1, 2], ARRAY[DATE '2020-01-01', NULL]), INTERVAL '-3' SECOND";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(query)) {
            expect("one row", rows.next());
            expect("the longest decimal", rows.getBigDecimal(1).equals(new BigDecimal("-99999999999999999999999999999999999999")));
            expect("uuid", rows.getString(2).equals("12151fd2-7586-11e9-8f9e-2a86e4085a59"));
            expect("ipaddress", rows.getString(3).equals("10.0.0.1"));
            expect("the first day", rows.getString(4).equals("0001-01-01"));
            expect("the smallest bigint", rows.getLong(5) == Long.MIN_VALUE);
            expect("zero", rows.getDouble(6) == 0);
            expect("infinity", rows.getDouble(7) == Double.POSITIVE_INFINITY);
            expect("an empty text is not null", rows.getString(8).isEmpty() && !rows.wasNull());
            expect("no bytes", rows.getBytes(9).length == 0);
            expect("an array of arrays", ((Object[]) rows.getArray(10).getArray()).length == 2);
            expect("an array of rows", ((Object[]) rows.getArray(11).getArray()).length == 1);
            expect("a map of dates, not " + rows.getObject(12), ((Map<?, ?>) rows.getObject(12)).size() == 2);
            expect("an interval before, not " + rows.getObject(13), rows.getObject(13).toString().startsWith("-0 00:00:03"));
            expect("no more rows", !rows.next());
        }
    }

    /** What tools set when they connect, and ask for afterwards. */
    private static void session(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("SET SESSION join_distribution_type = 'BROADCAST'");
            try (ResultSet rows = statement.executeQuery("SHOW SESSION LIKE 'join_distribution_type'")) {
                expect("a property that was set", rows.next() && rows.getString("Value").equals("BROADCAST"));
            }
            statement.execute("RESET SESSION join_distribution_type");
            try (ResultSet rows = statement.executeQuery("SHOW SESSION LIKE 'join_distribution_type'")) {
                expect("and was set back", rows.next() && rows.getString("Value").equals("AUTOMATIC"));
            }
            statement.execute("USE \"td-presto\".shop");
            try (ResultSet rows = statement.executeQuery("SELECT count(*) FROM orders")) {
                expect("the schema of USE", rows.next() && rows.getLong(1) == 1);
            }
            expect("is the connection's", "shop".equals(connection.getSchema()));
            statement.setMaxRows(2);
            try (ResultSet rows = statement.executeQuery("SELECT x FROM UNNEST(sequence(1, 10)) t(x)")) {
                expect("as many rows as are wanted", rows.next() && rows.next() && !rows.next());
            }
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("SET SESSION nope = 1");
            expect("an exception", false);
        } catch (SQLException e) {
            expect("of a property there is not, not " + e.getErrorCode(), e.getErrorCode() == 14);
        }
        expect("a connection that is valid", connection.isValid(10));
        connection.setSchema("my_db");
        expect("the schema that was set", "my_db".equals(connection.getSchema()));
        connection.setSchema("shop");
    }

    /** Drivers begin and end transactions as they are told; each statement is stored when it ends. */
    private static void transaction(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT 1")) {
            expect("a row", rows.next());
        }
        connection.commit();
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT 2")) {
            expect("a row", rows.next());
        }
        connection.rollback();
        connection.setAutoCommit(true);
    }

    private static void timeLimit(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("SET SESSION query_max_run_time = '5s'");
            try (ResultSet rows = statement.executeQuery(ENDLESS)) {
                rows.next();
                expect("an exception", false);
            } catch (SQLException e) {
                expect("of the time limit, not " + e.getMessage(), e.getErrorCode() == 131075);
            }
            statement.execute("RESET SESSION query_max_run_time");
        }
    }

    private static final String ENDLESS =
        "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), UNNEST(sequence(1, 10000)) c(z) WHERE x * y + z = 1";

    private static void prepared(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("SELECT ? + 1, ?, CAST(? AS double), ?, ?, ?")) {
            statement.setLong(1, 41);
            statement.setString(2, "it's");
            statement.setDouble(3, 0.25);
            statement.setBigDecimal(4, new BigDecimal("1.50"));
            statement.setDate(5, Date.valueOf("2020-01-02"));
            statement.setNull(6, Types.VARCHAR);
            try (ResultSet rows = statement.executeQuery()) {
                expect("one row", rows.next());
                expect("long", rows.getLong(1) == 42);
                expect("text", rows.getString(2).equals("it's"));
                expect("double", rows.getDouble(3) == 0.25);
                expect("decimal", rows.getBigDecimal(4).compareTo(new BigDecimal("1.5")) == 0);
                expect("date", rows.getDate(5).equals(Date.valueOf("2020-01-02")));
                expect("null", rows.getString(6) == null);
            }
            ResultSetMetaData columns = statement.getMetaData();
            expect("its columns before it is run again", columns == null || columns.getColumnCount() == 6);
            statement.setLong(1, 1);
            try (ResultSet rows = statement.executeQuery()) {
                expect("a second time", rows.next() && rows.getLong(1) == 2);
            }
        }
    }

    private static void writes(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("DROP TABLE IF EXISTS shop.walked");
            expect("created", statement.executeUpdate("CREATE TABLE shop.walked AS SELECT n AS a FROM UNNEST(sequence(1, 10)) AS t(n)") == 10);
            expect("inserted", statement.executeUpdate("INSERT INTO shop.walked (a) VALUES 11, 12") == 2);
            try (ResultSet rows = statement.executeQuery("SELECT count(*), sum(a) FROM shop.walked")) {
                expect("all there", rows.next() && rows.getLong(1) == 12 && rows.getLong(2) == 78);
            }
            expect("deleted", statement.executeUpdate("DELETE FROM shop.walked WHERE a > 10") == 2);
            statement.execute("DROP TABLE shop.walked");
        }
    }

    private static void errors(Connection connection) throws SQLException {
        for (String[] wrong : new String[][] {{"SELECT 1/0", "8"}, {"SELEC 1", "1"}, {"SELECT nope", "47"}, {"SELECT * FROM nope.t", "45"}, {"SELECT nope(1)", "6"}}) {
            try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(wrong[0])) {
                rows.next();
                expect("an exception of " + wrong[0], false);
            } catch (SQLException e) {
                expect(wrong[0] + " is not " + e.getErrorCode(), e.getErrorCode() == Integer.parseInt(wrong[1]));
            }
        }
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT * FROM shop.nope");
            expect("an exception", false);
        } catch (SQLException e) {
            expect("its code, not " + e.getErrorCode(), e.getErrorCode() == 46);
            expect("its text, not " + e.getMessage(), e.getMessage().contains("does not exist"));
        }
    }

    private static void cancel(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            Thread canceller = new Thread(() -> {
                try {
                    Thread.sleep(1500);
                    statement.cancel();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            canceller.start();
            long startedMs = System.currentTimeMillis();
            try (ResultSet rows = statement.executeQuery(ENDLESS)) {
                rows.next();
                expect("a cancelled query has no rows", false);
            } catch (SQLException e) {
                expect("in time", System.currentTimeMillis() - startedMs < 30_000);
            }
            canceller.join();
        }
    }

    /** A million rows, streamed. */
    private static void many(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(
            "SELECT (a - 1) * 1000 + b, 'row ' || CAST(b AS varchar) FROM UNNEST(sequence(1, 1000)) x(a), UNNEST(sequence(1, 1000)) y(b)")) {
            long count = 0;
            long sum = 0;
            while (rows.next()) {
                count++;
                sum += rows.getLong(1);
            }
            expect("a million rows, not " + count, count == 1_000_000);
            expect("each once, not " + sum, sum == 500_000_500_000L);
        }
    }

    /** A key that is wrong is an authentication failure, and only such a key is. */
    private static void wrongKey(String url, Properties properties) {
        Properties wrong = new Properties();
        wrong.putAll(properties);
        wrong.setProperty("user", "1/0000000000000000000000000000000000000000");
        try (Connection connection = DriverManager.getConnection(url, wrong); Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT 1");
            expect("a wrong key is refused", false);
        } catch (SQLException e) {
            expect("as a failed authentication, not " + e.getMessage(), e.getMessage().contains("Authentication failed"));
        }
    }

    private static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> values = new ArrayList<>();
        while (rows.next()) {
            values.add(rows.getString(name));
        }
        rows.close();
        return values;
    }

    private interface Asked {
        ResultSet ask() throws SQLException;
    }

    /** Some drivers refuse these by themselves. */
    private static void ifOffered(Asked asked) throws SQLException {
        try {
            drain(asked.ask());
        } catch (SQLException e) {
            boolean isTheDrivers = e instanceof SQLFeatureNotSupportedException || e.getClass().getSimpleName().equals("NotImplementedException");
            expect("the driver's own words, not " + e.getMessage(), isTheDrivers);
        }
    }

    private static void drain(ResultSet rows) throws SQLException {
        while (rows.next()) {
            rows.getString(1);
        }
        rows.close();
    }

    private static void expect(String what, boolean holds) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
